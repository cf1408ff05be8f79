/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine of a recording (minivmm --record, vmm/record.h), built again from its own comments: all its devices, all its memory, an
 * entropy source, disks and a console that do what the recording says. No KVM, no interrupt controller: lines end here, and what is done to them is asked for.
 *
 * Not machine.h's, which is one device, made to be reset a hundred thousand times a second and watched for what it must never
 * do. This one asks whether everything is as it was, loads from guest memory included: one too many is a difference.
 */
#ifndef MINIVMM_FUZZ_RECORDING_H
#define MINIVMM_FUZZ_RECORDING_H

#include <stdbool.h>

#include "trace.h"

#define RECORDING_LIFE "life of a machine" /* the comment that every life of a machine begins with */

struct recording;

/* Ends the process when the host refuses what it takes, here and below. */
struct recording *recording_new(void);
void recording_free(struct recording *r);
/* A comment of the recording: NULL, or why there is no such machine. Comments that say nothing of it are passed over. */
const char *recording_comment(struct recording *r, const char *text);
/* Runs a step, and lets devices work; a read's answer is in op->value. NULL, or how what it did differs from what was recorded. */
const char *recording_do(struct recording *r, struct fuzz_op *op);
/* The oldest chain given back or interrupt that was not asked for yet. false: there is none. */
bool recording_came(struct recording *r, struct fuzz_line *came);

#endif
