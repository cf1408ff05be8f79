/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A qtest client for tests: starts the built minivmm with --qtest fd:N at the other end of a socket pair, sends lines, takes
 * answers, and remembers the interrupt lines' levels. With it a guest's driver (driver.h) drives the real program.
 *
 * What a test did not expect ends the program with a message, unless it uses peer_send and peer_take.
 */
#ifndef MINIVMM_TEST_QTEST_PEER_H
#define MINIVMM_TEST_QTEST_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "driver.h"

struct peer {
	pid_t pid;
	int fd;
	bool level[256]; /* as "IRQ raise N" and "IRQ lower N" told */
	unsigned int raised[256];
	char buf[65536]; /* received, not taken */
	size_t len;
};

/* arguments are minivmm's, beside --qtest; NULL ends them. */
void peer_start(struct peer *p, const char *const *arguments);
/* Closes the socket and waits. The exit status, 128 + N for a signal. */
int peer_end(struct peer *p);
/* The exit status of a program that is to end by itself within 10 s. */
int peer_wait(struct peer *p);

void peer_send(struct peer *p, const void *bytes, size_t len);
/* The next line, "IRQ" lines too, without its newline; cut when it is longer. false: the server has closed. */
bool peer_take(struct peer *p, char *line, size_t size);
/* Sends a line and takes its answer, behind any interrupts. The same buffer every time. */
const char *peer_ask(struct peer *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* opaque: struct peer. */
extern const struct driver_access driver_qtest_access;

#endif
