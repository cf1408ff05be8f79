/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fuzzer's machine: what loads find, memory where there is none, and that a trace says all there is to say: the steps that
 * any input came down to, run again, have the same answers, chains, interrupts and loads.
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz/engine.h"
#include "fuzz/machine.h"
#include "fuzz/raw.h"
#include "test.h"

#define INPUTS	  400
#define MAX_INPUT 300
#define MOST	  20000 /* steps of a trace */

/* A process of its own for each case: there is one machine in one. */
static int in_process(void (*run)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		run();
		fflush(stdout);
		_exit(test_failed);
	}
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

static void start(const char *name)
{
	fuzz_target_choose(fuzz_target_find(name));
	fuzz_machine_reset();
}

static void load(gpa_t gpa, uint8_t *got, size_t len)
{
	memset(got, 0, len);
	CHECK(mem_read(&fuzz_memory.mem, gpa, got, len));
}

static void late_loads(void)
{
	static const uint8_t first[] = { 1, 2, 3, 4 }, third[] = { 5, 6, 7, 8 };
	struct fuzz_op op = { .kind = FUZZ_LATE, .addr = FUZZ_DATA, .len = 4, .nth = 2, .data = third };
	uint8_t got[4];

	start("rng-mmio");
	fuzz_guest_store(FUZZ_DATA, first, 4);
	fuzz_do(&op);
	load(FUZZ_DATA, got, 4);
	CHECK(!memcmp(got, first, 4));
	/* Of another length it is another load. */
	load(FUZZ_DATA, got, 2);
	load(FUZZ_DATA, got, 4);
	CHECK(!memcmp(got, first, 4));
	load(FUZZ_DATA, got, 4);
	CHECK(!memcmp(got, third, 4));
	/* It is there now, and counting begins anew with the next trace. */
	load(FUZZ_DATA, got, 4);
	CHECK(!memcmp(got, third, 4));
	fuzz_machine_reset();
	load(FUZZ_DATA, got, 4);
	CHECK(!got[0] && !got[3]);
}

static void is_memory(gpa_t gpa, size_t len, bool should)
{
	CHECK_EQ(mem_ptr(&fuzz_memory.mem, gpa, len) != NULL, should);
}

static void memory_everywhere(void)
{
	struct fuzz_op on = { .kind = FUZZ_HOST, .host = FUZZ_HOST_MEMORY, .value = 1 };
	uint8_t byte = 0x5a, got;

	start("rng-mmio");
	is_memory(0, 1, false);
	is_memory(FUZZ_RAM_BASE + FUZZ_RAM_SIZE - 1, 1, true);
	is_memory(FUZZ_RAM_BASE + FUZZ_RAM_SIZE - 1, 2, false);
	fuzz_do(&on);
	is_memory(0, 16, true);
	is_memory(UINT64_MAX, 1, true);
	is_memory(UINT64_MAX, 2, false);
	is_memory(UINT64_MAX - 15, 16, true);
	/* Devices are nobody's memory, and neither RAM nor they are in one piece with what is beside them. */
	is_memory(fuzz_machine->guest.base, 4, false);
	is_memory(0x4010000000, 4, false);
	is_memory(FUZZ_RAM_BASE + FUZZ_RAM_SIZE - 8, 16, false);
	is_memory(1ULL << 40, FUZZ_WINDOW_SIZE + 1, false);
	CHECK(mem_write(&fuzz_memory.mem, 1ULL << 40, &byte, 1));
	load(1ULL << 40, &got, 1);
	CHECK_EQ(got, 0x5a);
	for (uint64_t i = 0; i < 2 * FUZZ_WINDOWS; i++)
		(void)!mem_ptr(&fuzz_memory.mem, (i + 2) << 40, 1);
	is_memory(200ULL << 40, 1, false);
	fuzz_machine_reset();
	is_memory(1ULL << 40, 1, false);
	fuzz_do(&on);
	load(1ULL << 40, &got, 1);
	CHECK_EQ(got, 0);
}

/* The steps of a trace as they were told, with data of their own. */
static struct fuzz_op steps[MOST];
static uint8_t data[MOST][64];
static size_t count, fed;

static void keep(struct fuzz_watch *watch, const struct fuzz_op *op)
{
	(void)watch;
	if (count == MOST || op->len > 4096)
		return;
	steps[count] = *op;
	if (op->len > sizeof(data[0])) {
		uint8_t *copy = malloc(op->len);

		memcpy(copy, op->data, op->len);
		steps[count].data = copy;
	} else if (op->len) {
		memcpy(data[count], op->data, op->len);
		steps[count].data = data[count];
	}
	fed += op->kind == FUZZ_LATE;
	count++;
}

static const char *target;

static void replays(void)
{
	struct fuzz_watch watch = { .op = keep };

	start(target);
	srand(3);
	for (unsigned int i = 0; i < INPUTS && !test_failed; i++) {
		uint8_t input[MAX_INPUT];
		uint64_t hash;

		for (size_t n = 0; n < MAX_INPUT; n++)
			input[n] = (uint8_t)(rand() >> 4);
		count = 0;
		fuzz_machine_watch(&watch);
		fuzz_raw_run(input, MAX_INPUT);
		fuzz_machine_watch(NULL);
		hash = fuzz_machine_hash();
		fuzz_machine_reset();
		for (size_t n = 0; n < count; n++) {
			uint64_t value = steps[n].value;

			fuzz_do(&steps[n]);
			CHECK_EQ(steps[n].value, value);
		}
		CHECK(count < MOST);
		CHECK_EQ(fuzz_machine_hash(), hash);
	}
	/* Devices without rings load nothing. */
	CHECK(!fuzz_machine->v || fed > INPUTS);
}

static void loads_find_what_a_trace_says(void)
{
	CHECK_EQ(in_process(late_loads), 0);
}

static void there_is_memory_everywhere(void)
{
	CHECK_EQ(in_process(memory_everywhere), 0);
}

static void traces_replay(void)
{
	static const char *const targets[] = { "rng-mmio", "rng-pci", "blk-mmio", "blk-pci", "blk-mirror",
		"rng-hostile", "blk-hostile", "pci-config", "gicv2m", "pl011", "pl031", "pl061", "uart16550" };

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		target = targets[i];
		if (in_process(replays))
			TEST_FAIL_("%s", target);
	}
}

static const struct test tests[] = {
	TEST(loads_find_what_a_trace_says),
	TEST(there_is_memory_everywhere),
	TEST(traces_replay),
};

TEST_MAIN(tests)
