/* SPDX-License-Identifier: Apache-2.0 */
/* What each message of a vhost-user frontend does. Reading and answering them is vhost_user_server.c's. */
#include <errno.h>
#include <string.h>

#include <linux/virtio_config.h>

#include "vhost_user_ring.h"

#define BIT(n) (1ULL << (n))

static const uint64_t protocol_features =
	BIT(VHOST_USER_PROTOCOL_F_MQ) | BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) | BIT(VHOST_USER_PROTOCOL_F_CONFIG) |
	BIT(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD) | BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE) |
	BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS);

/* One for each message: NULL, or why it is refused. An answer is put in the place of the payload. */
typedef const char *handler(struct vhost_user_server *s, struct vhost_user_msg *m);

static const char bad_index[] = "there is no ring of that index";

static struct vhost_user_ring *find_ring(const struct vhost_user_server *s, uint32_t index)
{
	return virtio_queue(s->v, index) ? &s->ring[index] : NULL;
}

static const char *get_features(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	m->payload.u64 = virtio_device_features(s->v, 0) | (uint64_t)virtio_device_features(s->v, 1) << 32 |
			 BIT(VHOST_USER_F_PROTOCOL_FEATURES);
	return NULL;
}

/* What a driver does by its status register until FEATURES_OK. */
static const char *negotiate(struct vhost_user_server *s, uint64_t features)
{
	const uint8_t driver = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	struct virtio *v = s->v;
	const char *why;

	s->negotiated = false;
	virtio_set_status(v, 0);
	virtio_set_status(v, driver);
	virtio_set_driver_features(v, 0, (uint32_t)features);
	virtio_set_driver_features(v, 1, (uint32_t)(features >> 32));
	why = virtio_check_features(v);
	if (why)
		return why;
	virtio_set_status(v, driver | VIRTIO_CONFIG_S_FEATURES_OK);
	s->negotiated = true;
	return NULL;
}

/*
 * A frontend sends the same features whenever it goes on after a pause, and the device then keeps what its driver has set
 * (whether writes are cached, above all).
 */
static bool still_holds(const struct vhost_user_server *s, uint64_t features)
{
	return s->negotiated && features == s->v->driver_features && !(s->v->status & VIRTIO_CONFIG_S_NEEDS_RESET);
}

static const char *set_features(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	const uint64_t protocol = BIT(VHOST_USER_F_PROTOCOL_FEATURES);
	uint64_t features = m->payload.u64 & ~protocol;
	const char *why = NULL;

	if (!still_holds(s, features)) {
		if (vhost_user_server_runs(s))
			return "features change while a ring runs";
		why = negotiate(s, features);
	}
	/* vhost-user, ring states: without protocol features there is no message that enables a ring. */
	for (uint16_t i = 0; !why && !(m->payload.u64 & protocol) && i < s->v->class->queue_count; i++) {
		s->ring[i].enabled = true;
		why = vhost_user_ring_update(&s->ring[i]);
	}
	return why;
}

static const char *get_protocol_features(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	(void)s;
	m->payload.u64 = protocol_features;
	return NULL;
}

static const char *set_protocol_features(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	if (m->payload.u64 & ~protocol_features)
		return "protocol features that were not offered";
	s->protocol = m->payload.u64;
	return NULL;
}

/* One frontend at a time is there, and it owns the device by having connected. RESET_OWNER is deprecated, and ignored. */
static const char *nothing(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	(void)s, (void)m;
	return NULL;
}

static const char *get_queue_num(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	m->payload.u64 = s->v->class->queue_count;
	return NULL;
}

static const char *get_max_mem_slots(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	(void)s;
	m->payload.u64 = MEM_MAX_REGIONS;
	return NULL;
}

/* Rings hold host addresses: before memory changes they stop, and afterwards they are looked up anew. */
static void pause_rings(struct vhost_user_server *s)
{
	for (uint16_t i = 0; i < s->v->class->queue_count; i++)
		vhost_user_ring_pause(&s->ring[i]);
}

static const char *go_on(struct vhost_user_server *s)
{
	const char *why = NULL;

	for (uint16_t i = 0; !why && i < s->v->class->queue_count; i++)
		why = vhost_user_ring_update(&s->ring[i]);
	return why;
}

static const char *set_mem_table(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	const char *why = NULL;

	pause_rings(s);
	vhost_user_memory_clear(s->memory);
	for (uint32_t i = 0; !why && i < m->payload.table.count; i++)
		why = vhost_user_memory_add(s->memory, &m->payload.table.region[i], m->fd[i]);
	return why ? why : go_on(s);
}

static const char *add_mem_reg(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	return vhost_user_memory_add(s->memory, &m->payload.one.region, m->fd[0]);
}

static const char *rem_mem_reg(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	const char *why;
	bool removed;

	pause_rings(s);
	removed = vhost_user_memory_remove(s->memory, &m->payload.one.region);
	why = go_on(s);
	return removed ? why : "there is no such memory region";
}

/* The ring that is to be set up, or *why. */
static struct vhost_user_ring *open_ring(const struct vhost_user_server *s, uint32_t index, const char **why)
{
	struct vhost_user_ring *ring = find_ring(s, index);

	*why = NULL;
	if (!ring)
		*why = bad_index;
	else if (ring->running)
		*why = "the ring is running";
	return ring;
}

static const char *set_vring_num(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	const char *why;
	struct vhost_user_ring *ring = open_ring(s, m->payload.state.index, &why);

	if (why)
		return why;
	if (!m->payload.state.num || m->payload.state.num > ring->q->size_max)
		return "a ring's size is 0 or more than the device allows";
	ring->num = m->payload.state.num;
	return NULL;
}

static const char *set_vring_addr(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	const struct vhost_user_vring_addr *addr = &m->payload.addr;
	const char *why;
	struct vhost_user_ring *ring = open_ring(s, addr->index, &why);

	if (why)
		return why;
	/* The one flag there is asks for a log of writes. */
	if (addr->flags)
		return "logging was not offered";
	ring->desc = addr->desc;
	ring->avail = addr->avail;
	ring->used = addr->used;
	ring->addressed = true;
	return NULL;
}

static const char *set_vring_base(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	const char *why;
	struct vhost_user_ring *ring = open_ring(s, m->payload.state.index, &why);

	if (!why)
		ring->base = m->payload.state.num;
	return why;
}

static const char *get_vring_base(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	struct vhost_user_ring *ring = find_ring(s, m->payload.state.index);

	if (!ring)
		return bad_index;
	vhost_user_ring_stop(ring);
	m->payload.state.num = ring->base;
	return NULL;
}

static const char *set_vring_kick(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	struct vhost_user_ring *ring = find_ring(s, m->payload.u64 & VHOST_USER_VRING_INDEX);

	return ring ? vhost_user_ring_set_kick(ring, vhost_user_take_fd(m, 0)) : bad_index;
}

static const char *set_vring_call(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	struct vhost_user_ring *ring = find_ring(s, m->payload.u64 & VHOST_USER_VRING_INDEX);

	if (!ring)
		return bad_index;
	vhost_user_ring_set_call(ring, vhost_user_take_fd(m, 0));
	return NULL;
}

static const char *set_vring_err(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	struct vhost_user_ring *ring = find_ring(s, m->payload.u64 & VHOST_USER_VRING_INDEX);

	if (!ring)
		return bad_index;
	vhost_user_ring_set_err(ring, vhost_user_take_fd(m, 0));
	return NULL;
}

static const char *set_vring_enable(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	struct vhost_user_ring *ring = find_ring(s, m->payload.state.index);

	if (!ring)
		return bad_index;
	if (m->payload.state.num > 1)
		return "a ring is enabled by 1 and disabled by 0";
	ring->enabled = m->payload.state.num;
	return vhost_user_ring_update(ring);
}

/*
 * vhost-user, GET_CONFIG: an answer without a payload says that it cannot be had. Frontends ask for as much as the device's
 * kind can have at most, and fields of features that it has not read as 0.
 */
static const char *get_config(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	struct vhost_user_config *config = &m->payload.config;
	uint32_t have = s->v->class->config_size, at = config->offset, size = config->size;

	if (at > VIRTIO_CONFIG_MAX - size) {
		m->header.size = 0;
		return NULL;
	}
	memset(config->data, 0, size);
	if (at < have)
		virtio_config_read(s->v, at, config->data, size < have - at ? size : have - at);
	return NULL;
}

static const char *set_config(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	const struct vhost_user_config *config = &m->payload.config;

	/* 0: the driver's write. Any other restores a device, fields that no driver writes among them. */
	if (config->flags)
		return "a device cannot be restored";
	virtio_config_write(s->v, config->offset, config->data, config->size);
	return NULL;
}

void vhost_user_server_reset(struct vhost_user_server *s)
{
	/* It first: what is in flight may touch memory until then. */
	virtio_set_status(s->v, 0);
	s->negotiated = false;
	for (uint16_t i = 0; i < s->v->class->queue_count; i++)
		vhost_user_ring_forget(&s->ring[i]);
}

static const char *reset_device(struct vhost_user_server *s, struct vhost_user_msg *m)
{
	(void)m;
	vhost_user_server_reset(s);
	vhost_user_server_clear_inflight(s);
	return NULL;
}

static handler *const handlers[VHOST_USER_REQUESTS] = {
	[VHOST_USER_GET_FEATURES] = get_features,
	[VHOST_USER_SET_FEATURES] = set_features,
	[VHOST_USER_SET_OWNER] = nothing,
	[VHOST_USER_RESET_OWNER] = nothing,
	[VHOST_USER_SET_MEM_TABLE] = set_mem_table,
	[VHOST_USER_SET_VRING_NUM] = set_vring_num,
	[VHOST_USER_SET_VRING_ADDR] = set_vring_addr,
	[VHOST_USER_SET_VRING_BASE] = set_vring_base,
	[VHOST_USER_GET_VRING_BASE] = get_vring_base,
	[VHOST_USER_SET_VRING_KICK] = set_vring_kick,
	[VHOST_USER_SET_VRING_CALL] = set_vring_call,
	[VHOST_USER_SET_VRING_ERR] = set_vring_err,
	[VHOST_USER_GET_PROTOCOL_FEATURES] = get_protocol_features,
	[VHOST_USER_SET_PROTOCOL_FEATURES] = set_protocol_features,
	[VHOST_USER_GET_QUEUE_NUM] = get_queue_num,
	[VHOST_USER_SET_VRING_ENABLE] = set_vring_enable,
	[VHOST_USER_GET_CONFIG] = get_config,
	[VHOST_USER_SET_CONFIG] = set_config,
	[VHOST_USER_GET_INFLIGHT_FD] = vhost_user_get_inflight_fd,
	[VHOST_USER_SET_INFLIGHT_FD] = vhost_user_set_inflight_fd,
	[VHOST_USER_RESET_DEVICE] = reset_device,
	[VHOST_USER_GET_MAX_MEM_SLOTS] = get_max_mem_slots,
	[VHOST_USER_ADD_MEM_REG] = add_mem_reg,
	[VHOST_USER_REM_MEM_REG] = rem_mem_reg,
};

const char *vhost_user_server_handle(
	struct vhost_user_server *s, const struct vhost_user_rule *rule, struct vhost_user_msg *m)
{
	const char *why = vhost_user_check_request(m);

	if (why)
		return why;
	if (rule->needs != VHOST_USER_NEEDS_NOTHING && !(s->protocol & BIT(rule->needs)))
		return "its protocol feature was not negotiated";
	if (!handlers[m->header.request])
		return "it is not supported";
	return handlers[m->header.request](s, m);
}
