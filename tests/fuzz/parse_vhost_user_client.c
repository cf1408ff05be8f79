/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frontend's end of a vhost-user connection, with a backend that answers anything (liar.h).
 *
 * An input's first byte says how much of it is steps, each a byte: what is asked of the backend (run_step). The rest is answers.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../open_fds.h"
#include "backend/vhost_user_client.h"
#include "liar.h"
#include "targets.h"

#define MEMORY	  (64 * KiB)
#define MAX_STEPS 100

static struct vhost_user_client client;
static struct mem mem;

static void start(const struct fuzz_target *target)
{
	struct mem_region region = { .base = 0x40000000, .size = MEMORY };

	(void)target;
	liar_start();
	region.fd = memfd_create("memory", MFD_CLOEXEC);
	region.host = mmap(NULL, MEMORY, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (region.fd < 0 || region.host == MAP_FAILED || mem_add(&mem, &region))
		fuzz_failed("host", "descriptors or memory: %s", strerror(errno));
}

/* A failure ends the connection and says why; -EOPNOTSUPP alone does not. */
static void check(int ret)
{
	if (ret > 0)
		fuzz_failed("vhost-user", "%d is no answer", ret);
	if (!ret && client.fd < 0)
		fuzz_failed("vhost-user", "it worked without a connection");
	if (ret && ret != -EOPNOTSUPP && (client.fd >= 0 || !client.why[0]))
		fuzz_failed("vhost-user", "%d, and the connection stays or nothing is said", ret);
}

static int stop(const struct vhost_user_vring *ring)
{
	uint32_t base = 0;
	int ret = vhost_user_client_stop(&client, ring, &base);

	if (!ret && ring->packed && ((base & 0x7fff) >= ring->size || (base >> 16 & 0x7fff) >= ring->size))
		fuzz_failed("vhost-user", "position 0x%x in a ring of %u", base, ring->size);
	return ret;
}

/* What is taken for the configuration space is an answer about just that much of it. */
static int get_config(uint32_t size)
{
	const struct vhost_user_msg *answer = &client.reader.msg;
	uint8_t config[VHOST_USER_MAX_CONFIG] = { 0 };
	int ret = vhost_user_client_get_config(&client, config, size);

	if (!ret && answer->payload.config.size != size)
		fuzz_failed("vhost-user", "%u bytes of configuration, of an answer about %u", size,
			answer->payload.config.size);
	return ret;
}

/* What the caller of each has to see to is seen to. */
static int run_inflight(bool channel)
{
	struct vhost_user_inflight layout = { 0 };
	int ret, fd = -1;

	if (channel && client.protocol >> VHOST_USER_PROTOCOL_F_BACKEND_REQ & 1)
		return vhost_user_client_set_channel(&client, liar_event());
	if (channel || !(client.protocol >> VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD & 1))
		return vhost_user_client_reset(&client);
	ret = vhost_user_client_get_inflight(&client, 2, 16, &layout, &fd);
	if (!ret)
		ret = vhost_user_client_set_inflight(&client, &layout, fd);
	if (fd >= 0)
		close(fd);
	return ret;
}

static void run_step(struct fuzz_input *steps)
{
	struct vhost_user_vring ring = { .size = 16, .desc = 0x40000000, .kick = liar_event(), .call = liar_event() };
	uint8_t config[VHOST_USER_MAX_CONFIG] = { 0 };
	uint8_t step = (uint8_t)fuzz_take_number(steps, 1), more = step >> 3;
	int ret;

	ring.index = more & 1;
	ring.packed = more & 2;
	switch (step & 7) {
	case 0: ret = vhost_user_client_set_features(&client, 1ULL << more); break;
	case 1: ret = vhost_user_client_set_memory(&client, &mem); break;
	case 2: ret = vhost_user_client_start(&client, &ring); break;
	case 3: ret = stop(&ring); break;
	case 4:
		if (more & 4)
			ret = vhost_user_client_set_err(&client, ring.index, liar_event());
		else
			ret = vhost_user_client_set_call(&client, ring.index, more & 2 ? -1 : liar_event());
		break;
	case 5: ret = vhost_user_client_set_config(&client, more, config, 8); break;
	case 6: ret = get_config(1U << more % 9); break;
	default: ret = run_inflight(more & 1); break;
	}
	check(ret);
}

static void run(const uint8_t *data, size_t size)
{
	size_t cut = size ? data[0] * size / 256 : 0;
	struct fuzz_input steps = { data, cut };
	unsigned int before = open_fds(), count = 0;

	check(vhost_user_client_open_fd(&client, liar_connect((struct fuzz_input){ data + cut, size - cut }),
		UINT64_MAX, &liar_clock, LIAR_PATIENCE));
	fuzz_take_number(&steps, 1);
	while (steps.left && count++ < MAX_STEPS && client.fd >= 0)
		run_step(&steps);
	if (client.fd < 0 && vhost_user_client_set_features(&client, 0) != -ENOTCONN)
		fuzz_failed("vhost-user", "a backend that was given up is asked again");
	vhost_user_client_close(&client);
	liar_disconnect();
	if (open_fds() != before)
		fuzz_failed("vhost-user", "%d descriptors are left of a connection", (int)(open_fds() - before));
}

const struct fuzz_target fuzz_vhost_user_client = {
	.name = "vhost-user-client",
	.what = "a backend's answers, to our frontend",
	.start = start,
	.run = run,
};
