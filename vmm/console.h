/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's console on the host: --console opened, the terminal made raw, the Ctrl-A keys taken out of what is typed.
 * Outlives the machines of a run, so a reboot of the guest drops nothing.
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
	void (*quit)(struct console *console); /* Ctrl-A X, from the loop */
};

/* 0, or -1 with *error filled and nothing left open. quit is set by the caller before the loop runs. */
must_check int console_open(
	struct console *console, const struct options *options, struct loop *loop, struct error *error);
/* Restores the terminal. Accepts a console that console_open failed on. */
void console_close(struct console *console);

#endif
