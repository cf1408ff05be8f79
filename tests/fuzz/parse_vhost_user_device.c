/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device that a vhost-user backend serves, on virtio-mmio or PCI, between a driver that does anything and a backend that answers
 * anything (liar.h). The device keeps nothing of either.
 *
 * An input's first byte says how much of it is steps, its second which transport and kind of device, and whether a backend that is gone is
 * awaited; the rest is answers.
 */
#include <sys/eventfd.h>

#include "../open_fds.h"
#include "../plug.h"
#include "liar.h"
#include "targets.h"
#include "virtio/vhost_user.h"

#define MAX_STEPS 60
#define RETRY	  1000000000ULL /* ns */

/* As a disk, and as one of which the monitor shows the configuration itself. */
static const uint8_t shown[12] = { 2, 0, 0, 1 };
static const struct vhost_user_kind kinds[] = {
	{ .name = "vhost-user-a",
		.device_id = 2,
		.queue_count = 2,
		.queue_size = 16,
		.config_size = 60,
		.count_at = 34,
		.needs_config = true },
	{ .name = "vhost-user-b",
		.device_id = 18,
		.queue_count = 3,
		.queue_size = 16,
		.config_size = 12,
		.unserved = 1,
		.config = shown,
		.own = 3,
		.never = 1ULL << 5,
		.of_config = 1ULL << 6,
		.foreign = 1ULL << 7 },
};

static struct rig rig;
static struct plug plug;
static struct driver d;
static struct virtio_vhost_user device;

static void start(const struct fuzz_target *target)
{
	(void)target;
	liar_start();
	rig_init(&rig);
}

static void say_nothing(struct virtio *v, const char *text)
{
	(void)v, (void)text;
}

/* A register of virtio-mmio. What a driver may break of a PCI function is the target "pci-config"'s: this driver needs it whole. */
static void touch(struct fuzz_input *in, bool write)
{
	bool mmio = plug_type == &plug_types[PLUG_MMIO];
	gpa_t addr = (mmio ? PLUG_MMIO_BASE : PLUG_PCI_BASE) + (fuzz_take_number(in, 1) << 2 & 0x1ff);

	if (!write || !mmio)
		(void)rig_read(&rig, addr, 4);
	else
		rig_write(&rig, addr, 4, fuzz_take_number(in, 4));
}

static void bring_up(struct fuzz_input *in)
{
	uint64_t features = fuzz_take_number(in, 1);

	/* Those of the rings, where they are interesting. */
	features = (features & 1 ? DRIVER_F(34) : 0) | (features & 2 ? DRIVER_F(29) : 0) |
		   (features & 4 ? DRIVER_F(40) : 0);
	(void)!driver_start(&d, features, 0);
}

/* Saved as for a snapshot, and loaded: whoever cannot is reset, as the monitor does. */
static void save_and_load(void)
{
	struct state s, loaded;
	bool good;

	virtio_pause(&device.v);
	state_save(&s);
	virtio_state(&device.v, &s);
	good = !state_finish(&s);
	state_load(&loaded, s.data, s.len);
	if (good) {
		virtio_state(&device.v, &loaded);
		good = !state_finish(&loaded);
	}
	state_destroy(&s);
	if (!good)
		virtio_set_status(&device.v, 0);
	virtio_resume(&device.v);
}

/* What happens beside the driver's doing. */
static void run_elsewhere(uint8_t what)
{
	switch (what % 8) {
	case 1: liar_hang_up(); break;
	case 2:
	case 3:
		rig_advance(&rig, RETRY);
		liar_turn();
		break;
	case 4:
		virtio_pause(&device.v);
		virtio_resume(&device.v);
		break;
	case 5: save_and_load(); break;
	case 6: liar_turn(); break;
	default: (void)eventfd_write(liar_event(), 1); break;
	}
}

static void run_step(struct fuzz_input *in)
{
	uint8_t step = (uint8_t)fuzz_take_number(in, 1);
	uint8_t bytes[4] = { step, 1, 2, 3 };

	switch (step & 7) {
	case 0: bring_up(in); break;
	case 1: touch(in, true); break;
	case 2: touch(in, false); break;
	case 3: d.transport->notify(&d, step >> 3 & 3); break;
	case 4: d.transport->config_write(&d, step >> 3, bytes, 1); break;
	case 5: d.transport->config_read(&d, step >> 3, bytes, 4); break;
	case 6: d.transport->set_status(&d, step >> 3 == 31 ? 0 : (uint8_t)(step >> 3)); break;
	default: run_elsewhere(step >> 3); break;
	}
	rig_run(&rig);
}

/* Between init and destroy. */
static void drive(struct fuzz_input *steps, bool awaited, bool released)
{
	struct vhost_user_client kept;
	unsigned int count = 0;

	device.v.report = say_nothing;
	device.v.features_on = UINT64_MAX;
	plug_in(&plug, &device.v, &rig, &d);
	plug.bridge.with_fds = true;
	if (awaited)
		virtio_vhost_user_await(&device, liar_address(), RETRY);
	while (steps->left && count++ < MAX_STEPS)
		run_step(steps);
	d.transport->set_status(&d, 0);
	if (d.transport->get_status(&d))
		fuzz_failed("vhost-user", "status 0x%x after a reset", d.transport->get_status(&d));
	plug_out(&plug);
	if (released)
		virtio_vhost_user_release(&device, &kept);
	virtio_vhost_user_destroy(&device);
	if (released)
		vhost_user_client_close(&kept);
}

static void run(const uint8_t *data, size_t size)
{
	size_t cut = size ? data[0] * size / 256 : 0;
	struct fuzz_input steps = { data, cut };
	unsigned int before = open_fds();
	uint8_t how;
	int fd = liar_connect((struct fuzz_input){ data + cut, size - cut });

	fuzz_take_number(&steps, 1);
	how = (uint8_t)fuzz_take_number(&steps, 1);
	plug_type = &plug_types[how & 1 ? PLUG_PCI : PLUG_MMIO];
	memset(&device, 0, sizeof(device));
	if (!vhost_user_client_open_fd(&device.client, fd, UINT64_MAX, &liar_clock, LIAR_PATIENCE) &&
		!virtio_vhost_user_init(&device, &kinds[how >> 1 & 1], &rig.loop, &rig.mem))
		drive(&steps, how & 4, how & 8);
	if (device.client.fd >= 0)
		fuzz_failed("vhost-user", "the connection stays open");
	liar_disconnect();
	if (open_fds() != before)
		fuzz_failed("vhost-user", "%d descriptors are left of a device", (int)(open_fds() - before));
}

const struct fuzz_target fuzz_vhost_user_device = {
	.name = "vhost-user-device",
	.what = "a device that a backend serves, its driver and that backend doing anything",
	.start = start,
	.run = run,
};
