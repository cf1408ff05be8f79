/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's end of the guest's console or of one of its serial ports: opened, the terminal made raw, the Ctrl-A keys taken
 * out of what is typed. Outlives the machines of a run, so a reboot of the guest drops nothing.
 */
#ifndef MINIVMM_CONSOLE_H
#define MINIVMM_CONSOLE_H

#include "backend/chardev.h"
#include "core/loop.h"
#include "error.h"
#include "escape.h"
#include "options.h"

struct console {
	struct chardev *chardev;
	struct chardev_filter filter;
	struct escape escape;
	void (*quit)(void *opaque); /* Ctrl-A X */
	void *opaque;
};

/* All that a machine has. */
struct consoles {
	struct console console;
	struct console serials[OPTIONS_MAX_SERIALS];
	struct chardev *streams[OPTIONS_MAX_SERIALS]; /* of serials */
};

/*
 * quit(opaque) is called, from the loop, when the user asks for the end. 0, or -1 with *error; consoles_close either way.
 */
must_check int consoles_open(struct consoles *all, const struct options *options, struct loop *loop,
	void (*quit)(void *opaque), void *opaque, struct error *error);
/* Restores the terminal. Accepts what consoles_open failed on, or never saw: all zeros. */
void consoles_close(struct consoles *all);

#endif
