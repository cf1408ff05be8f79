/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proofs: what virtio-blk asks its disk for. Whatever a driver says, and however often what it said would read otherwise, nothing
 * outside the disk, nothing but whole blocks, and no change of a disk that is read-only.
 */
#include "proof.h"

#include "../../devices/virtio/blk.c"

static struct block disk;
static struct virtio_blk d;
static struct virtq q;
static struct virtio_blk_request r;
static unsigned int submitted;
static bool given;

static bool is_on_disk(uint64_t offset, uint64_t len)
{
	return offset <= disk.size && len <= disk.size - offset && !(offset & (disk.logical - 1)) &&
	       !(len & (disk.logical - 1));
}

static bool changes(enum block_op op)
{
	return op == BLOCK_WRITE || op == BLOCK_DISCARD || op == BLOCK_WRITE_ZEROES;
}

/* What block.h asks of whoever submits. */
static void any_submit(struct block *b, struct block_request *request)
{
	submitted++;
	PROVE(b == &disk && request == &r.block, "the request goes to the disk");
	PROVE(request->op == BLOCK_FLUSH || is_on_disk(request->offset, request->len),
		"a request is on the disk, in whole blocks");
	PROVE(request->op != BLOCK_FLUSH || (!request->offset && !request->len), "a flush is of nothing in particular");
	PROVE(request->op == BLOCK_FLUSH || request->len, "a request is for something");
	PROVE(!(disk.read_only && changes(request->op)), "a read-only disk is not changed");
	PROVE(request->op != BLOCK_DISCARD || request->len <= BLK_DISCARD_MAX * BLOCK_SECTOR,
		"a discard is as large as allowed");
	PROVE(request->op != BLOCK_WRITE_ZEROES || request->len <= BLK_WRITE_ZEROES_MAX * BLOCK_SECTOR,
		"so are zeroes");
	PROVE((request->op != BLOCK_READ && request->op != BLOCK_WRITE) || request->len <= BLK_DATA_MAX, "and data");
	PROVE(request->op != BLOCK_READ || (request->iov == r.chain.in && request->len == r.chain.in_len),
		"what is read goes to the writable part, all of it");
	PROVE(request->op != BLOCK_WRITE || (request->iov == r.chain.out && request->len == r.chain.out_len),
		"what is written comes from the readable part");
	REACHABLE(request->op == BLOCK_READ && request->len == 4096 && request->offset == disk.size - 4096);
	REACHABLE(request->op == BLOCK_DISCARD && r.range == 2);
	REACHABLE(request->op == BLOCK_WRITE_ZEROES && request->unmap);
	REACHABLE(request->op == BLOCK_FLUSH);
}

/* Guest memory says something else each time; virtq.c's own are proved apart, these keep to what they promise. */

size_t chain_read(struct chain *chain, void *dst, size_t len)
{
	PROVE(__CPROVER_w_ok(dst, len), "there is room for what is read");
	if (len > chain->out_len)
		len = chain->out_len;
	/* Of a header or of ranges; more than was asked for is as arbitrary as it was before. */
	if (dst == r.ranges)
		__CPROVER_havoc_slice(r.ranges, sizeof(r.ranges));
	else
		__CPROVER_havoc_slice(dst, sizeof(struct virtio_blk_outhdr));
	chain->out_len -= (uint32_t)len;
	return len;
}

size_t chain_write(struct chain *chain, const void *src, size_t len)
{
	PROVE(__CPROVER_r_ok(src, len), "what is given to the driver is there");
	if (len > chain->in_len)
		len = chain->in_len;
	chain->in_len -= (uint32_t)len;
	chain->written += (uint32_t)len;
	return len;
}

void chain_limit(struct chain *chain, size_t len)
{
	if (len < chain->in_len)
		chain->in_len = (uint32_t)len;
}

void virtq_push(struct virtq *queue, struct chain *chain)
{
	PROVE(queue == &q && chain == &r.chain && !given, "a chain is given back once, to its queue");
	given = true;
}

int snprintf(char *to, size_t size, const char *format, ...)
{
	(void)format;
	if (size)
		to[0] = '\0';
	return 0;
}

void virtio_warn(struct virtio *v, const struct virtq *queue, const char *why)
{
	(void)v;
	(void)queue;
	(void)why;
}

static uint8_t last_byte;

static void any_disk(uint32_t logical)
{
	static const struct block_ops ops = { .submit = any_submit };

	disk.ops = &ops;
	disk.logical = logical;
	disk.size = nondet_u64();
	disk.read_only = nondet_bool();
	/* block.h: whole blocks; and a file is no larger than its offsets. */
	ASSUME(!(disk.size & (logical - 1)) && disk.size <= INT64_MAX);
	d.block = &disk;
	d.cache = nondet_bool();
	d.v.driver_features = nondet_u64();
}

static void any_request(void)
{
	r.d = &d;
	r.chain.out_len = nondet_u32();
	r.chain.in_len = nondet_u32();
	r.chain.written = 0;
	/* One buffer that can be written, if any: where the status is, is all that is asked of it here. */
	r.chain.in = r.chain.iov;
	r.chain.in_count = !!r.chain.in_len;
	r.chain.out = r.chain.iov + 1;
	r.chain.out_count = !!r.chain.out_len;
	r.chain.iov[0].iov_base = &last_byte;
	r.chain.iov[0].iov_len = 1;
}

/* For each size of block to 64 KiB: refused unless it is on the disk. */
void proof_blk_range(void)
{
	uint64_t sector = nondet_u64(), len = nondet_u64();

	any_disk((uint32_t)BLOCK_SECTOR);
	for (uint32_t shift = 9; shift <= 16; shift++) {
		uint64_t size = nondet_u64();
		bool inside;

		disk.logical = 1u << shift;
		disk.size = size;
		ASSUME(!(size & (disk.logical - 1)) && size <= INT64_MAX);
		inside = in_range(&d, sector, len);
		PROVE(inside == (sector <= UINT64_MAX / BLOCK_SECTOR && is_on_disk(sector * BLOCK_SECTOR, len)),
			"in range if and only if it is on the disk");
		REACHABLE(inside && len == size && shift == 12 && size > 1ULL << 60);
	}
}

/* A request from its header on, with any content. Blocks of one size: blk_range has the others. */
void proof_blk_begin(void)
{
	any_disk(4096);
	any_request();
	blk_begin(&d, &q, &r);
	PROVE(submitted + given == 1, "it is begun or answered");
	PROVE(!submitted || r.range <= r.range_count, "and goes on behind what has begun");
	if (submitted && (r.type == VIRTIO_BLK_T_DISCARD || r.type == VIRTIO_BLK_T_WRITE_ZEROES)) {
		unsigned int i = nondet_uint();

		ASSUME(i < r.range_count);
		PROVE(r.range_count <= VIRTIO_BLK_MAX_RANGES, "ranges are as many as there is room for");
		PROVE(check_range(&r, &r.ranges[i]) == VIRTIO_BLK_S_OK,
			"all of them were checked before the first began");
		PROVE(!disk.read_only, "of a disk that may change");
	}
}

/* And from any of its ranges to the next, when that is done. */
void proof_blk_next(void)
{
	any_disk(4096);
	any_request();
	disk.read_only = false;
	r.type = nondet_bool() ? VIRTIO_BLK_T_DISCARD : VIRTIO_BLK_T_WRITE_ZEROES;
	r.range = nondet_u16();
	r.range_count = nondet_u16();
	r.block.op = r.type == VIRTIO_BLK_T_DISCARD ? BLOCK_DISCARD : BLOCK_WRITE_ZEROES;
	ASSUME(r.range <= r.range_count && r.range_count <= VIRTIO_BLK_MAX_RANGES);
	__CPROVER_havoc_slice(r.ranges, sizeof(r.ranges));
	for (unsigned int i = 0; i < VIRTIO_BLK_MAX_RANGES; i++)
		ASSUME(i >= r.range_count || check_range(&r, &r.ranges[i]) == VIRTIO_BLK_S_OK);
	(void)blk_continues(&r);
	PROVE(submitted <= 1 && r.range <= r.range_count, "one more, or the end");
}
