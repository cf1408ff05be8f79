/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has to hold whatever a guest does, beyond what the sanitizers see. Each ends the process by fuzz_failed with its name:
 *
 *	dma	what a device hands to its backend is memory that it mapped for a chain in flight (R14, R25)
 *	used	a chain is given back once, and its used length is not more than was written into it (R07, R22)
 *	fetch	a descriptor, and what a device reads of a header, is loaded once (R21)
 *	work	a turn takes no more chains than the queue has entries, a walk ends, the loop comes to rest (R01, R02, R06, R08)
 *	irq	a driver that asked to hear of used buffers is interrupted
 *	reset	nothing is in flight after a reset, and the interrupt is withdrawn (R34, R38)
 *	state	a device's line is at the level of its registers, and the like (each device's check)
 *	memory	neither memory nor descriptors grow with the number of steps (R16, R28)
 *	snapshot	what was saved can be loaded (lifecycle.h)
 *	works	after all that, a reset and a valid request (machine.h)
 */
#ifndef MINIVMM_FUZZ_ORACLE_H
#define MINIVMM_FUZZ_ORACLE_H

#include <stdbool.h>
#include <sys/uio.h>

#include "memory.h"
#include "op.h"

/* Once the device is there. */
void fuzz_oracle_start(void);
void fuzz_oracle_reset(void);
/* Around each step, and before each turn of the loop in it. */
void fuzz_oracle_before(const struct fuzz_op *op);
void fuzz_oracle_after(const struct fuzz_op *op);
void fuzz_oracle_turn(void);
/* The step wrote 0 to a virtio device's status, or did what comes to the same. */
void fuzz_oracle_was_reset(void);
/* Nothing is in flight, by no step of a trace. */
void fuzz_oracle_forget(void);
/* At the end of a trace. */
void fuzz_oracle_end(void);
/* A device has loaded these bytes. */
void fuzz_oracle_load(const struct fuzz_load *load, const void *got);
/* A device is looking for a chain now: what it loads are rings and descriptors. */
bool fuzz_oracle_popping(void);
/* A backend has done something: a turn was not for nothing. */
void fuzz_oracle_worked(void);
/* A backend was given these buffers, and has written len bytes to them. */
void fuzz_oracle_backend(const char *what, const struct iovec *iov, unsigned int count);
void fuzz_oracle_wrote(const struct iovec *iov, size_t len);

#endif
