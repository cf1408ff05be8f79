/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as qtest lines spell them: hexadecimal digits and base64 (RFC 4648 section 4). */
#ifndef MINIVMM_QTEST_DATA_H
#define MINIVMM_QTEST_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DATA_STEP 1536 /* bytes encoded at a time; a multiple of 3, so that base64 can be put together */
#define DATA_TEXT (2 * DATA_STEP)

/* The characters written, no terminator. len is at most DATA_STEP; base64 is padded when it is no multiple of 3. */
size_t data_to_hex(char *text, const uint8_t *data, size_t len);
size_t data_to_base64(char *text, const uint8_t *data, size_t len);

/*
 * Fills all of data: zeros behind a text that is too short, the rest of one that is too long is not looked at. false: not in
 * this spelling ("0x" and pairs of digits, a last one alone counting as none; base64 with or without its padding).
 */
bool data_from_hex(uint8_t *data, size_t len, const char *text);
bool data_from_base64(uint8_t *data, size_t len, const char *text);

#endif
