/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's command line: what the user gave, completed with what makes a guest usable with no option at all. Not
 * minivmm's own command line, which is options.h's.
 */
#ifndef MINIVMM_CMDLINE_H
#define MINIVMM_CMDLINE_H

#include <stddef.h>

#include "core/util.h"
#include "error.h"

/* arm64's COMMAND_LINE_SIZE, with the NUL (Linux arch/arm64/include/uapi/asm/setup.h). What is longer is cut silently there. */
#define CMDLINE_SIZE 2048

/*
 * Writes to out (CMDLINE_SIZE bytes) user's string, then extra (NULL: nothing), then each default the user has not decided:
 * console ("console=ttyAMA0"), earlycon (not with quiet), panic=-1, reboot=panic_warm. What we add goes before a "--", after which
 * arguments are init's. Quotes are respected as the kernel does. 0, or -1 with *error filled (STATUS_USAGE: too long).
 */
must_check int cmdline_build(char *out, const char *user, const char *extra, const char *console, struct error *error);

#endif
