/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values worth trying, picked by bytes of an input: addresses at the ends of things, lengths of headers and of far too much,
 * descriptors made of these. One byte of an input then is a descriptor's field, and a mutated byte another one that means something.
 */
#ifndef MINIVMM_FUZZ_SHAPE_H
#define MINIVMM_FUZZ_SHAPE_H

#include <stdint.h>

#include <linux/virtio_ring.h>

#include "guest.h"

uint64_t fuzz_shape_value(uint8_t choice);
uint64_t fuzz_shape_address(uint8_t choice);
uint32_t fuzz_shape_length(uint8_t choice);
/* What choices of a descriptor's flags mean: those below fuzz_shape_flag_count. */
extern const uint16_t fuzz_shape_flags[];
extern const unsigned int fuzz_shape_flag_count;
/* choice: address, length, flags, next; for a ring of size entries. */
struct vring_desc fuzz_shape_desc(const uint8_t choice[4], uint16_t size);

/*
 * A queue set up again: choices are what was before and what is wrong, the size, the wrong value, where the driver goes on. What
 * a device has to refuse comes mostly: half of the sizes are no power of two or too large, and half of the addresses outside.
 */
struct fuzz_again fuzz_shape_again(const uint8_t choice[4]);

#endif
