/* SPDX-License-Identifier: Apache-2.0 */
/* See console.h. */
#include "console.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "term.h"

static size_t filter_input(struct chardev_filter *filter, uint8_t *buf, size_t len)
{
	struct console *console = container_of(filter, struct console, filter);
	unsigned int events;

	len = escape_filter(&console->escape, buf, len, &events);
	if (events & ESCAPE_HELP)
		fputs(escape_help, stderr);
	if (events & ESCAPE_QUIT)
		console->quit(console);
	return len;
}

/* The keys are for people: input from a pipe or a file goes through untouched. */
static int setup_terminal(struct console *console, struct error *error)
{
	int ret;

	if (!isatty(STDIN_FILENO))
		return 0;
	console->filter.input = filter_input;
	chardev_set_filter(console->chardev, &console->filter);
	ret = term_raw(STDIN_FILENO);
	return ret ? error_set(error, STATUS_HOST, "cannot make the terminal raw: %s", strerror(-ret)) : 0;
}

int console_open(struct console *console, const struct options *options, struct loop *loop, struct error *error)
{
	const char *failed = "cannot be opened";
	const char *path = options->console_path;
	int ret = -EINVAL;

	*console = (struct console){ .chardev = NULL };
	switch (options->console) {
	case CONSOLE_DEFAULT:
	case CONSOLE_STDIO: ret = chardev_open_stdio(loop, term_may_read, &console->chardev, &failed); break;
	case CONSOLE_PTY: ret = chardev_open_pty(loop, &console->chardev, &failed); break;
	case CONSOLE_FILE: ret = chardev_open_file(loop, path, &console->chardev, &failed); break;
	case CONSOLE_UNIX: ret = chardev_open_unix(loop, path, &console->chardev, &failed); break;
	}
	if (ret)
		return error_set(
			error, STATUS_OUTPUT, "--console: %s %s: %s", path ? path : "it", failed, strerror(-ret));
	if (options->console == CONSOLE_STDIO)
		return setup_terminal(console, error);
	if (options->console == CONSOLE_PTY)
		fprintf(stderr, "minivmm: console on %s\n", console->chardev->name);
	return 0;
}

void console_close(struct console *console)
{
	term_restore();
	chardev_destroy(console->chardev);
	console->chardev = NULL;
}
