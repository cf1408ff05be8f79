/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file in a folder of its own, opened as a disk, and requests on it that are waited for: what the tests of the file
 * backend stand on. With file_disk_ways a case runs by each engine, with and without O_DIRECT.
 */
#ifndef MINIVMM_TEST_FILE_DISK_H
#define MINIVMM_TEST_FILE_DISK_H

#include "backend/block_file.h"
#include "test.h"

#define FILE_DISK_SIZE (1 * MiB)

/* What a device would be told. */
struct file_disk_user {
	struct block_user user;
	unsigned int done, settled;
	int64_t last;
	struct block_request *last_request;
};

struct file_disk {
	struct loop loop;
	struct block_file *file;
	char folder[64], path[80], why[BLOCK_WHY_LEN];
	struct file_disk_user user;
	_Alignas(4096) uint8_t buffer[FILE_DISK_SIZE + 4096];
	/* Of the case that runs. */
	enum block_aio aio;
	bool direct;
};

extern struct file_disk file_disk;
extern const struct test_ways file_disk_ways;

/* test_main, or test_main_ways where there are any, with a loop and a folder around it. */
int file_disk_main(const struct test *tests, size_t count, const struct test_ways *ways, int argc, char **argv);

/* The byte that is at offset i of the file at first. */
uint8_t file_disk_pattern(size_t i);
void file_disk_make(size_t size);
/* block_file_open, of that file unless config names another: its result, and file_disk.why. */
int file_disk_open(struct block_file_config config);
/* On the file of FILE_DISK_SIZE bytes by this case's engine. false: not to be had here, and the case is skipped. */
bool file_disk_begin(void);
void file_disk_end(void);
void file_disk_wait(unsigned int count);
/* One request from submit to done; its result. */
int64_t file_disk_request(enum block_op op, uint64_t offset, uint64_t len, void *data);

#endif
