/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values on a command line: sizes, counts, on/off switches, and lists like "path=F,ro" cut up by a table of keys. Every
 * option with structure uses this, so they all read alike and fail alike. Not the options themselves (options.h).
 */
#ifndef MINIVMM_KEYVAL_H
#define MINIVMM_KEYVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

enum keyval_kind {
	KEYVAL_FLAG, /* "ro": bool, set to true; also ro=on, ro=off */
	KEYVAL_SWITCH, /* "pmu=off": bool, on or off has to be given */
	KEYVAL_STRING, /* "path=F": const char *, pointing into the text; never empty */
	KEYVAL_SIZE, /* "size=4G": uint64_t, bytes */
	KEYVAL_NUMBER, /* "cid=3": uint64_t, decimal or 0x hexadecimal */
};

struct keyval_key {
	const char *name;
	enum keyval_kind kind;
	size_t offset; /* of the field in the struct to fill */
	bool required;
};

#define KEYVAL_MAX_KEYS 32 /* rows in a table: the keys seen are bits of a word */

/*
 * Cuts text ("key=value,key,...") up in place and fills the fields of out that have a key in it; others keep their value.
 * No key begins with a sign: ",+" and ",-" go on with the value, so that it can be a list of things to turn on and off.
 * Two commas in a value stand for one, as in QEMU, so any path can be written. option ("--disk") is what messages name.
 * text has to outlive the strings given out. 0, or -1 with *error (STATUS_USAGE): unknown, repeated, missing or empty key,
 * or a value that is not of its kind.
 */
must_check int keyval_parse(const char *option, char *text, const struct keyval_key *keys, size_t key_count, void *out,
	struct error *error);

/* Decimal digits and an optional K, M or G (either case; powers of 1024); without one it is bytes. -EINVAL, -ERANGE. */
must_check int parse_size(const char *text, uint64_t *bytes);

/* Decimal, or hexadecimal after 0x; nothing else around it. -EINVAL, -ERANGE. */
must_check int parse_number(const char *text, uint64_t *number);

/* "on" or "off". -EINVAL. */
must_check int parse_switch(const char *text, bool *on);

/* A size as parse_size reads it, with the largest suffix that leaves a whole number: "256M". Returns buf. */
#define SIZE_TEXT_LEN 24
const char *size_text(uint64_t bytes, char buf[SIZE_TEXT_LEN]);

/*
 * The name nearest to what was typed: one it is the beginning of, else the one with the least edit distance (Levenshtein),
 * if that is not more than a third of its length and so likely a slip. NULL when nothing is near.
 */
const char *nearest_name(const char *typed, const char *const *names, size_t count);

#endif
