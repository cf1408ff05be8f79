/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a whole device beside what its guest does: it is saved and loaded, powered up anew, and taken down. */
#ifndef MINIVMM_FUZZ_LIFECYCLE_H
#define MINIVMM_FUZZ_LIFECYCLE_H

#include "op.h"

/*
 * FUZZ_HOST_SAVED: a monitor saves it and loads it again. Three bytes of data each are a change to the stream, where (of 16 bits) and what
 * (exclusive or); without a change it is taken. A virtio device whose stream is refused is reset, another gets the one that was good.
 */
void fuzz_lifecycle_saved(const struct fuzz_op *op);
/* FUZZ_HOST_POWER: as at power-on. */
void fuzz_lifecycle_power(void);
/* At the end of all: nothing of it is left on the bus or the loop. The machine is none until it is restored. */
void fuzz_lifecycle_end(void);

#endif
