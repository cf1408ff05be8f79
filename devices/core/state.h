/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The snapshot stream: one field list serves saving and loading, so the two cannot drift apart. Each object writes a
 * section, its name and version, and then its fields in order, little endian, each length once.
 *
 * What is loaded is untrusted, however it came here: a field that has limits is checked by the code that checks the
 * guest's, and says state_fail. The first failure wins; after it nothing is read any more (fields keep what they had)
 * and nothing more is written, so a field list needs no checks of its own in between. Whoever loads
 * resets or destroys the objects that took part when it failed.
 */
#ifndef MINIVMM_STATE_H
#define MINIVMM_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util.h"

#define STATE_NAME_MAX 64

struct state {
	uint8_t *data; /* owned when saving, the caller's when loading */
	size_t len; /* bytes there are */
	size_t room; /* saving: bytes allocated */
	size_t at; /* loading: bytes taken */
	bool loading;
	int error; /* -errno of the first failure */
	char section[STATE_NAME_MAX]; /* the one we are in, for the message */
	char why[2 * STATE_NAME_MAX + 100]; /* of the first failure: "virtio-rng: ends in the middle" */
};

/* An empty stream to be written. */
void state_save(struct state *s);
/* A stream to be read. data is not changed and outlives s. */
void state_load(struct state *s, const void *data, size_t len);
/* Frees what was written. */
void state_destroy(struct state *s);

static inline bool state_loading(const struct state *s)
{
	return s->loading;
}

static inline bool state_failed(const struct state *s)
{
	return s->error;
}

/* name is at most STATE_NAME_MAX - 1 bytes. Loading fails unless the very same name and version come next. */
void state_section(struct state *s, const char *name, uint32_t version);
void state_u8(struct state *s, uint8_t *v);
void state_u16(struct state *s, uint16_t *v);
void state_u32(struct state *s, uint32_t *v);
void state_u64(struct state *s, uint64_t *v);
/* Loading fails for anything but 0 and 1. */
void state_bool(struct state *s, bool *v);
/* len is the program's, not the stream's. */
void state_bytes(struct state *s, void *buf, size_t len);
/* why: what is wrong with the section, as the end of a sentence about it. */
void state_fail(struct state *s, const char *why);
/* 0, or -errno with s->why filled: -EINVAL for a bad stream, also one with bytes left over; -ENOMEM. */
must_check int state_finish(struct state *s);

#endif
