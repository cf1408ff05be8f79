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
	void (*quit)(void *opaque); /* Ctrl-A X, from the loop; set by the caller before it runs */
	void *opaque;
};

/* option ("--console") is what messages name. 0, or -1 with *error filled and nothing left open. */
must_check int console_open(struct console *console, const char *option, const struct console_options *options,
	struct loop *loop, struct error *error);
/* Restores the terminal. Accepts a console that console_open failed on, or that is all zeros. */
void console_close(struct console *console);

#endif
