/* SPDX-License-Identifier: Apache-2.0 */
/* The snapshot stream of state.h, in memory. Files are the caller's. */
#include "state.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void state_save(struct state *s)
{
	*s = (struct state){ .loading = false };
}

void state_load(struct state *s, const void *data, size_t len)
{
	/* Only ever read: loading copies out. */
	*s = (struct state){ .loading = true, .data = (uint8_t *)(uintptr_t)data, .len = len };
}

void state_destroy(struct state *s)
{
	if (!s->loading)
		free(s->data);
	s->data = NULL;
}

static void fail(struct state *s, int error, const char *why)
{
	if (s->error)
		return;
	s->error = error;
	snprintf(s->why, sizeof(s->why), "%s: %s", s->section[0] ? s->section : "snapshot", why);
}

void state_fail(struct state *s, const char *why)
{
	fail(s, -EINVAL, why);
}

static bool reserve(struct state *s, size_t len)
{
	size_t room = s->room ? s->room : 4096;
	uint8_t *data;

	while (room - s->len < len)
		room *= 2;
	if (room == s->room)
		return true;
	data = realloc(s->data, room);
	if (!data) {
		fail(s, -ENOMEM, "out of memory");
		return false;
	}
	s->data = data;
	s->room = room;
	return true;
}

void state_bytes(struct state *s, void *buf, size_t len)
{
	if (s->error || !len)
		return;
	if (!s->loading) {
		if (!reserve(s, len))
			return;
		memcpy(s->data + s->len, buf, len);
		s->len += len;
		return;
	}
	if (len > s->len - s->at) {
		state_fail(s, "the snapshot ends in the middle of it");
		return;
	}
	memcpy(buf, s->data + s->at, len);
	s->at += len;
}

/* Host order is the stream's: little endian (ring.h refuses to compile elsewhere). */
void state_u8(struct state *s, uint8_t *v)
{
	state_bytes(s, v, sizeof(*v));
}

void state_u16(struct state *s, uint16_t *v)
{
	state_bytes(s, v, sizeof(*v));
}

void state_u32(struct state *s, uint32_t *v)
{
	state_bytes(s, v, sizeof(*v));
}

void state_u64(struct state *s, uint64_t *v)
{
	state_bytes(s, v, sizeof(*v));
}

void state_bool(struct state *s, bool *v)
{
	/* Loading, *v may be anything yet, and is kept when there is nothing to load. */
	uint8_t byte = s->loading ? 0 : *v;

	state_u8(s, &byte);
	if (byte > 1)
		state_fail(s, "a value that is yes or no is neither");
	else if (s->loading && !s->error)
		*v = byte;
}

/* The name the stream has there, for the comparison and the message. Anything unprintable is shown as a dot. */
static void load_name(struct state *s, char name[STATE_NAME_MAX])
{
	uint8_t len = 0;

	state_u8(s, &len);
	if (len >= STATE_NAME_MAX) {
		state_fail(s, "a name is too long");
		len = 0;
	}
	state_bytes(s, name, len);
	name[s->error ? 0 : len] = '\0';
	/* A NUL among them too: the name would end there, and be another's. */
	for (uint8_t i = 0; i < len && !s->error; i++)
		if (name[i] < ' ' || name[i] > '~')
			name[i] = '.';
}

void state_section(struct state *s, const char *name, uint32_t version)
{
	char found[STATE_NAME_MAX] = "", why[STATE_NAME_MAX + 40];
	uint8_t len = (uint8_t)strlen(name);
	uint32_t have = version;

	assert(strlen(name) < STATE_NAME_MAX);
	if (s->error)
		return;
	snprintf(s->section, sizeof(s->section), "%s", name);
	if (!s->loading) {
		state_u8(s, &len);
		state_bytes(s, (void *)(uintptr_t)name, len);
		state_u32(s, &version);
		return;
	}
	load_name(s, found);
	if (!s->error && strcmp(found, name)) {
		snprintf(why, sizeof(why), "the snapshot has %.*s in its place", STATE_NAME_MAX, found);
		state_fail(s, why);
	}
	state_u32(s, &have);
	if (!s->error && have != version) {
		snprintf(why, sizeof(why), "version %u, this program has %u", have, version);
		state_fail(s, why);
	}
}

int state_finish(struct state *s)
{
	if (s->loading && s->at != s->len)
		state_fail(s, "more follows than this machine has");
	return s->error;
}
