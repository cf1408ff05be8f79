/* SPDX-License-Identifier: Apache-2.0 */
/* Dictionaries as libFuzzer and AFL++ read them, made of the tables that targets have: nothing in one is written down twice. */
#ifndef MINIVMM_FUZZ_DICTIONARY_H
#define MINIVMM_FUZZ_DICTIONARY_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define FUZZ_DICTIONARY_MOST 64 /* bytes of an entry that every engine takes */

/* A line; what of the name is neither letter nor digit becomes an underscore. */
__attribute__((format(printf, 4, 5))) void fuzz_dictionary_entry(
	FILE *file, const uint8_t *bytes, size_t len, const char *format, ...);

#endif
