/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vhost-user backend that answers what an input says. There is one thread and no waiting: a frontend looks at its clock before it
 * waits, and this clock has the backend answer meanwhile; where nothing is to come it is past every deadline.
 */
#ifndef MINIVMM_FUZZ_LIAR_H
#define MINIVMM_FUZZ_LIAR_H

#include <stdbool.h>

#include "core/clock.h"
#include "input.h"

#define LIAR_PATIENCE 1000000000ULL /* ns, for the frontend */

/* Once in a process. */
void liar_start(void);
/*
 * Where it listens, for a frontend that is to find it again. A connection there is taken by the next liar_turn, or by the clock, and
 * answered on by the same script; the one before is closed then.
 */
const char *liar_address(void);
/* Answers what was asked, without anybody's waiting. */
void liar_turn(void);
/* Closes the connection, and listens on. */
void liar_hang_up(void);
/* A connection, whose backend answers by `answers`: the frontend's end, which is the caller's. Its clock starts at 0. */
int liar_connect(struct fuzz_input answers);
/* The backend's end closes. */
void liar_disconnect(void);
/* An eventfd, always there, for rings to be kicked and called by. */
int liar_event(void);

extern struct clock liar_clock;

#endif
