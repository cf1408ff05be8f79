/* SPDX-License-Identifier: Apache-2.0 */
/* The console as a terminal. /dev/console itself cannot control a session, so the terminal behind it is opened. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "init.h"

/* The last of the names in "tty0 ttyAMA0" is the one /dev/console stands for. */
static int open_tty(void)
{
	char active[128], path[160], *space;

	if (read_text("/sys/class/tty/console/active", active, sizeof(active)) <= 0)
		return -1;
	space = strrchr(active, ' ');
	text_format(path, sizeof(path), "/dev/%s", space ? space + 1 : active);
	return open(path, O_RDWR);
}

/* A serial line does not know its size; LINES and COLUMNS on the kernel's command line come here as environment. */
static void set_size(int fd)
{
	const char *lines = getenv("LINES"), *columns = getenv("COLUMNS");
	struct winsize size = {
		.ws_row = (unsigned short)(lines ? atoi(lines) : 0),
		.ws_col = (unsigned short)(columns ? atoi(columns) : 0),
	};

	if (size.ws_row && size.ws_col)
		ioctl(fd, TIOCSWINSZ, &size);
	unsetenv("LINES");
	unsetenv("COLUMNS");
}

/* Nobody sits there, so the command's bytes are what comes out: no carriage returns added, no echo of its input. */
static void make_plain(int fd)
{
	struct termios termios;

	if (tcgetattr(fd, &termios))
		return;
	termios.c_oflag &= ~(tcflag_t)OPOST;
	termios.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	tcsetattr(fd, TCSANOW, &termios);
}

void open_console(bool exec)
{
	int fd;

	setsid();
	fd = open_tty();
	if (fd < 0)
		return; /* no terminal: /dev/console has to do, as the kernel opened it */
	ioctl(fd, TIOCSCTTY, 0);
	set_size(fd);
	if (exec && access(TTY_MARK, F_OK))
		make_plain(fd);
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}
