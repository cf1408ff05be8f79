/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plugin for QEMU's TCG (plugin API 1: QEMU 4.2 to 9.0) that counts what tests/bench/profile shows: how many instructions ran at
 * which address of the emulated host, its guest's included, since the last mark. A mark is a hint that means nothing to a CPU
 * and that measure executes; at each the counts so far are written down and begin anew.
 *
 * Counted is a translated block at a time, as whole as it was translated: one that ends in a fault counts to its end. The
 * address in QEMU's own memory tells host and guest apart, which run the same kernel at the same virtual address.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* measure's mark: HINT #95. */
#define MARK 0xd5032bffU

/* Open addressing; far more blocks than are ever translated. */
#define ROOM (1U << 22)

/* Of qemu-plugin.h, which Debian has in no package. */
typedef uint64_t qemu_plugin_id_t;
struct qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, void (*cb)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(
	struct qemu_plugin_tb *tb, enum qemu_plugin_op op, void *ptr, uint64_t imm);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*cb)(unsigned int, void *),
	enum qemu_plugin_cb_flags flags, void *userdata);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t idx);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *insn);

extern int qemu_plugin_version;
__attribute__((visibility("default"))) int qemu_plugin_version = 1;
int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv);

struct block {
	uint64_t vaddr, haddr, count;
};

static struct block *blocks;
static FILE *out;

static struct block *find(uint64_t vaddr, uint64_t haddr)
{
	uint64_t at = (vaddr ^ haddr * 31) * 0x9e3779b97f4a7c15ULL >> 42;

	while (blocks[at].vaddr && (blocks[at].vaddr != vaddr || blocks[at].haddr != haddr))
		at = (at + 1) % ROOM;
	blocks[at].vaddr = vaddr;
	blocks[at].haddr = haddr;
	return &blocks[at];
}

static void mark(unsigned int vcpu, void *opaque)
{
	(void)vcpu;
	(void)opaque;
	for (uint32_t i = 0; i < ROOM; i++) {
		struct block *b = &blocks[i];

		if (b->count)
			fprintf(out, "%" PRIx64 " %" PRIx64 " %" PRIu64 "\n", b->vaddr, b->haddr - b->vaddr, b->count);
		b->count = 0;
	}
	fprintf(out, "mark\n");
	fflush(out);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);
	struct qemu_plugin_insn *first = qemu_plugin_tb_get_insn(tb, 0);
	struct block *block = find(qemu_plugin_insn_vaddr(first), (uintptr_t)qemu_plugin_insn_haddr(first));

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &block->count, count);
	for (size_t i = 0; i < count; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint32_t word;

		memcpy(&word, qemu_plugin_insn_data(insn), sizeof(word));
		if (word == MARK)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, mark, QEMU_PLUGIN_CB_NO_REGS, NULL);
	}
}

__attribute__((visibility("default"))) int qemu_plugin_install(
	qemu_plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4))
		return -1;
	out = fopen(argv[0] + 4, "we");
	blocks = calloc(ROOM, sizeof(*blocks));
	if (!out || !blocks)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
