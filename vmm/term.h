/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user's terminal in raw mode, so that every key (Ctrl-C and Ctrl-Z too) goes to the guest, and back to what it was
 * whatever ends or suspends the process. Not the console's reading and writing, and not its escape keys (escape.h).
 *
 * One terminal per process: its state is static, for signal handlers have no other way to find it. What cannot be helped:
 * SIGKILL, SIGSTOP, _exit, and a stack overflow in a thread without an alternate signal stack.
 */
#ifndef MINIVMM_TERM_H
#define MINIVMM_TERM_H

#include <stdbool.h>

#include "core/util.h"

/*
 * Makes the terminal behind fd raw, now and after each suspension, until the process ends. fd stays open until then.
 * Nothing happens if fd is not a terminal. A process in the background leaves the terminal alone (asking would stop it with
 * SIGTTOU) and enters raw mode when it is brought to the foreground.
 *
 * Handlers are set for signals that would end or suspend the process and have their default action; one that is ignored or
 * handled stays as it is, and its handler ends with exit() or calls term_restore(). Faults (SIGSEGV and its like) go on to
 * the handler there was, for sanitizers. Call it once, before other threads are started. 0 or -errno.
 */
must_check int term_raw(int fd);

/* Back to the mode before term_raw, for good. Any number of times, from signal handlers too. */
void term_restore(void);

/*
 * May the terminal be read now? False in the background: a read would stop the whole machine with SIGTTIN. Enters raw mode
 * again if this is the foreground once more (a shell's fg need not send SIGCONT). True if fd is no terminal.
 * Call it before each read of the terminal, from one thread.
 */
bool term_may_read(int fd);

/* What ends a line of ours: "\r\n" while the terminal is raw, for its output is not processed then, else "\n". */
const char *term_newline(void);

#endif
