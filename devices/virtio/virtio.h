/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio class and its life cycle: feature negotiation, the status machine, configuration space, kicks and
 * notifications. What is the same for every device and every transport is here, once; a device is a const table of
 * hooks and a struct that embeds struct virtio; a transport moves registers.
 *
 * Life: init, attach, [features, queues, DRIVER_OK: queues are served, ..., status 0: reset] as often as the driver
 * likes, destroy. No hook is called outside that order. Reset is complete when virtio_set_status returns.
 *
 * A device never dies of its guest: what cannot be served ends in virtio_fail, which sets DEVICE_NEEDS_RESET, and the
 * device is as new after the reset.
 */
#ifndef MINIVMM_VIRTIO_H
#define MINIVMM_VIRTIO_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_config.h>

#include "core/loop.h"
#include "core/mem.h"
#include "core/util.h"
#include "virtq.h"

#define VIRTIO_FEATURE(bit) (1ULL << (bit))

/* Feature bits newer than the headers of the oldest distribution we build on. */
#ifndef VIRTIO_F_NOTIFICATION_DATA
#define VIRTIO_F_NOTIFICATION_DATA 38
#endif

struct virtio;

/* Every hook but queue_notify may be NULL. */
struct virtio_class {
	const char *name; /* "virtio-rng": in messages, statistics and snapshots */
	uint16_t device_id;
	uint16_t queue_count, queue_size; /* queue_size is the maximum, QueueSizeMax */
	uint16_t config_size; /* bytes, at most VIRTIO_CONFIG_MAX */
	/* Device feature bits to offer beside the core's. */
	uint64_t (*get_features)(struct virtio *v);
	/* NULL when this subset of the offer can be served, else why not: FEATURES_OK is then refused. */
	const char *(*check_features)(struct virtio *v, uint64_t features);
	/* The negotiated set, once, as FEATURES_OK is accepted. */
	void (*set_features)(struct virtio *v, uint64_t features);
	/* Fills config_size zeroed bytes. */
	void (*get_config)(struct virtio *v, void *config);
	/* The driver wrote [offset, offset + size), inside config_size; config holds all of it with the write applied. */
	void (*set_config)(struct virtio *v, const void *config, uint32_t offset, unsigned int size);
	/* As DRIVER_OK is accepted, before anything is served. 0 or -errno: then the device NEEDS_RESET. */
	int (*start)(struct virtio *v);
	/* Nothing in flight afterwards: after it no guest memory is touched on behalf of the old life. */
	void (*reset)(struct virtio *v);
	/* The same for one queue, which the driver is about to take away. NULL: nothing outlives queue_notify. */
	void (*queue_reset)(struct virtio *v, struct virtq *q);
	/*
	 * One turn: pop and serve until pop finds nothing. The core has begun the turn and notifies the driver of what was
	 * pushed. Not called unless DRIVER_OK is set, the queue is ready and nothing is broken. With start_ioeventfd it is
	 * no turn but a kick that no doorbell took, to be passed on.
	 */
	void (*queue_notify)(struct virtio *v, struct virtq *q);
	/* Where something else than virtio_serve takes the kicks (vhost-user). Both or neither; -errno means NEEDS_RESET. */
	int (*start_ioeventfd)(struct virtio *v);
	void (*stop_ioeventfd)(struct virtio *v);
	/*
	 * Where something else than virtio_notify_queue interrupts the driver, through transport->call_fd. mask: that fd is
	 * about to go or to change, and it must not be written until the unmask, when call_fd gives the new one. pending: was
	 * there an interrupt to send while masked? Both or neither; transports call them by virtio_notifier_*.
	 */
	void (*notifier_mask)(struct virtio *v, struct virtq *q, bool mask);
	bool (*notifier_pending)(struct virtio *v, struct virtq *q);
	/* Every chain that was popped is pushed when it returns. NULL: none outlives queue_notify. */
	void (*drain)(struct virtio *v);
	/* The device's own fields, saved and loaded by one list that checks what it loaded. NULL: it has none. */
	void (*state)(struct virtio *v, struct state *s);
};

struct virtio_transport {
	void (*notify_queue)(struct virtio *v, struct virtq *q);
	void (*notify_config)(struct virtio *v);
	/*
	 * Status, configuration space or its generation changed, and no access of the driver's did it; before the interrupt
	 * that tells. NULL: the transport keeps no copy of them.
	 */
	void (*changed)(struct virtio *v);
	/* Makes the guest's notification of q a signal on fd, or undoes it. -errno: it will come by virtio_queue_notify. */
	int (*set_doorbell)(struct virtio *v, struct virtq *q, int fd, bool on);
	/* An eventfd that interrupts the driver for q, -1 when only notify_queue can. */
	int (*call_fd)(struct virtio *v, struct virtq *q);
	/* The transport's own registers to their reset values, interrupt withdrawn. */
	void (*reset)(struct virtio *v);
	void (*state)(struct virtio *v, struct state *s);
};

/* Takes kicks for one queue off its eventfd, on the loop. */
struct virtio_kick {
	struct loop_source source; /* fd -1 until the queue first runs */
	struct virtio *v;
	struct virtq *q;
	bool active, bell; /* on the loop; the transport's doorbell is set */
};

#define VIRTIO_CONFIG_MAX 256 /* what fits behind 0x100 in a 0x200 byte virtio-mmio slot */

struct virtio {
	const struct virtio_class *class;
	const struct virtio_transport *transport;
	void *transport_state;
	struct loop *loop;
	const struct mem *mem;
	struct virtq *queue; /* class->queue_count of them, each with its kick */
	struct virtio_kick *kick;
	/* Set by the owner before the guest runs: features to offer though they are not on by default, and not to. */
	uint64_t features_on, features_off;
	uint64_t driver_features; /* as written; frozen by FEATURES_OK */
	uint32_t config_generation;
	uint8_t status;
	bool held; /* by virtio_hold */
	bool reported; /* one message in each life */
	/* Where messages go: the owner's, NULL for nowhere. text is one line without the device's name. */
	void (*report)(struct virtio *v, const char *text);
};

/* 0 or -ENOMEM. loop and mem outlive v. */
must_check int virtio_init(
	struct virtio *v, const struct virtio_class *class, struct loop *loop, const struct mem *mem);
void virtio_destroy(struct virtio *v);
/* Once, before the guest runs. */
void virtio_attach(struct virtio *v, const struct virtio_transport *transport, void *transport_state);

/* For transports. Words above 1 are 0 and stay 0: no feature of ours is there. */
uint32_t virtio_device_features(struct virtio *v, uint32_t word);
void virtio_set_driver_features(struct virtio *v, uint32_t word, uint32_t value);
/* NULL when the driver may have the features it wrote, else why not. */
const char *virtio_check_features(struct virtio *v);
/* The driver's write to the status register. 0 resets; a step that is not due is ignored (the bit reads back as 0). */
void virtio_set_status(struct virtio *v, uint8_t status);
/* The hooks of that name; nothing, and false, where the device has none. */
void virtio_notifier_mask(struct virtio *v, struct virtq *q, bool mask);
bool virtio_notifier_pending(struct virtio *v, struct virtq *q);
/* The queue with that index, or NULL: the only check of a queue index. */
struct virtq *virtio_queue(struct virtio *v, uint32_t index);
/*
 * The driver may change this queue's settings: it is not ready, and the time is between FEATURES_OK and DRIVER_OK, or
 * later with VIRTIO_F_RING_RESET.
 */
bool virtio_queue_open(const struct virtio *v, const struct virtq *q);
/* One queue back to its defaults while the others go on (virtio 2.6.1). Ignored without VIRTIO_F_RING_RESET. */
void virtio_queue_reset(struct virtio *v, struct virtq *q);
/* QueueReady = 1 and = 0. A queue that cannot start stays not ready and says why. */
void virtio_queue_enable(struct virtio *v, struct virtq *q);
void virtio_queue_disable(struct virtio *v, struct virtq *q);
/*
 * For a transport whose driver may stop and go on with each queue by itself at any time (vhost-user): enable as virtq_start_at
 * does, NULL or why not. In a running device it is served from then on.
 */
must_check const char *virtio_queue_enable_at(struct virtio *v, struct virtq *q, uint16_t avail, uint16_t used);
/* A notification that was not taken as a doorbell. Ignored unless the queue can be served. */
void virtio_queue_notify(struct virtio *v, uint32_t index);
/*
 * The transport does not let the device touch guest memory, or does again (PCI bus mastering). Held, it serves nothing and
 * interrupts for no queue; what was in flight is done when the call returns. Let go, every queue is looked at once.
 */
void virtio_hold(struct virtio *v, bool hold);
/* size bytes at offset of the configuration space; outside of it reads give 0 and writes are dropped. */
void virtio_config_read(struct virtio *v, uint64_t offset, void *buf, unsigned int size);
void virtio_config_write(struct virtio *v, uint64_t offset, const void *buf, unsigned int size);

/*
 * The bit of a ring or transport feature by its name in lower case ("event_idx", "ring_packed"), for options; a device's
 * own features have names of its own. -1: no such name.
 */
int virtio_feature_bit(const char *name);
/* That name of a bit; NULL: it has none. */
const char *virtio_feature_name(unsigned int bit);

/* For devices. */
static inline bool virtio_has_feature(const struct virtio *v, unsigned int bit)
{
	return v->driver_features & VIRTIO_FEATURE(bit);
}

/* DRIVER_OK, and neither FAILED nor DEVICE_NEEDS_RESET: class->start was called. */
static inline bool virtio_started(const struct virtio *v)
{
	return (v->status & (VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FAILED | VIRTIO_CONFIG_S_NEEDS_RESET)) ==
	       VIRTIO_CONFIG_S_DRIVER_OK;
}

/* Started and not held: guest memory may be touched. */
static inline bool virtio_running(const struct virtio *v)
{
	return virtio_started(v) && !v->held;
}

/* One turn for q now: when something a device waited for has come. */
void virtio_serve(struct virtio *v, struct virtq *q);
/* Interrupts the driver if it asked to hear of what was pushed; for pushes outside queue_notify. */
void virtio_notify_queue(struct virtio *v, struct virtq *q);
/* Tells the transport so, with nothing for the driver to hear. */
void virtio_changed(struct virtio *v);
/* The configuration space changed: a new generation, and an interrupt if the driver runs. */
void virtio_notify_config(struct virtio *v);
/* The device cannot go on: why is reported, DEVICE_NEEDS_RESET is set, nothing is served until the reset. */
void virtio_fail(struct virtio *v, const char *why);
/* Reports why, at most once until the next reset, with the queue's index unless q is NULL. */
void virtio_warn(struct virtio *v, const struct virtq *q, const char *why);

/*
 * Snapshots. pause: kicks stop arriving and none is lost, and nothing is in flight; resume: they arrive again, and every
 * queue is looked at once.
 * virtio_state between the two saves; loading leaves the device paused, or reset when the stream is no good.
 */
void virtio_pause(struct virtio *v);
void virtio_resume(struct virtio *v);
void virtio_state(struct virtio *v, struct state *s);

/* What the hooks of that name do when NULL. stop serves a kick that is still in an eventfd: none is lost by it. */
must_check int virtio_start_ioeventfd(struct virtio *v);
void virtio_stop_ioeventfd(struct virtio *v);

#endif
