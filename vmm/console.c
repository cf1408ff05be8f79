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
		console->quit(console->opaque);
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

/* option ("--console") is what messages name. */
static int open_console(struct console *console, const char *option, const struct console_options *options,
	struct loop *loop, struct error *error)
{
	const char *failed = "cannot be opened";
	const char *path = options->path;
	int ret = -EINVAL;

	switch (options->kind) {
	case CONSOLE_DEFAULT:
	case CONSOLE_STDIO: ret = chardev_open_stdio(loop, term_may_read, &console->chardev, &failed); break;
	case CONSOLE_PTY: ret = chardev_open_pty(loop, &console->chardev, &failed); break;
	case CONSOLE_FILE: ret = chardev_open_file(loop, path, &console->chardev, &failed); break;
	case CONSOLE_UNIX: ret = chardev_open_unix(loop, path, &console->chardev, &failed); break;
	}
	if (ret)
		return error_set(
			error, STATUS_OUTPUT, "%s: %s %s: %s", option, path ? path : "it", failed, strerror(-ret));
	if (options->kind == CONSOLE_STDIO)
		return setup_terminal(console, error);
	if (options->kind == CONSOLE_PTY)
		fprintf(stderr, "minivmm: %s on %s%s", option + strlen("--"), console->chardev->name, term_newline());
	return 0;
}

int consoles_open(struct consoles *all, const struct options *options, struct loop *loop, void (*quit)(void *opaque),
	void *opaque, struct error *error)
{
	memset(all, 0, sizeof(*all));
	all->console.quit = quit;
	all->console.opaque = opaque;
	if (open_console(&all->console, "--console", &options->console, loop, error))
		return -1;
	for (unsigned int i = 0; i < options->serial_count; i++) {
		struct console *serial = &all->serials[i];

		serial->quit = quit;
		serial->opaque = opaque;
		if (open_console(serial, "--serial", &options->serials[i].console, loop, error))
			return -1;
		all->streams[i] = serial->chardev;
	}
	return 0;
}

void consoles_close(struct consoles *all)
{
	term_restore();
	for (unsigned int i = 0; i < OPTIONS_MAX_SERIALS; i++)
		chardev_destroy(all->serials[i].chardev);
	chardev_destroy(all->console.chardev);
	memset(all, 0, sizeof(*all));
}
