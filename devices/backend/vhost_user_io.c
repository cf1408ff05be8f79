/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost-user messages on a socket. Never a byte more is read than belongs to the message: descriptors come with bytes, and
 * those of the next message would be taken for this one's.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vhost_user_msg.h"

#define NS_PER_MS 1000000ULL

#define FLAGS_KNOWN (3U | VHOST_USER_REPLY | VHOST_USER_NEED_REPLY)

/* Room for the descriptors a message may have; with one more the kernel says MSG_CTRUNC (their number is even: no padding). */
union control {
	char buf[CMSG_SPACE(sizeof(int) * VHOST_USER_MAX_FDS)];
	struct cmsghdr align;
};

static int broken(const char **why, const char *how)
{
	*why = how;
	return -EPROTO;
}

/* Those that came with a read go into msg, or are closed when they are too many. */
static bool take_fds(struct vhost_user_msg *msg, struct msghdr *hdr)
{
	bool fit = true;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(hdr); c; c = CMSG_NXTHDR(hdr, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (msg->fd_count < VHOST_USER_MAX_FDS) {
				msg->fd[msg->fd_count++] = fd;
			} else {
				close(fd);
				fit = false;
			}
		}
	}
	return fit;
}

/* Up to len bytes into dst: how many, 0: none there now, or -errno. */
static ssize_t take_bytes(struct vhost_user_reader *r, int fd, void *dst, size_t len, const char **why)
{
	struct iovec iov = { .iov_base = dst, .iov_len = len };
	union control control;
	struct msghdr hdr = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got = recvmsg(fd, &hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (got < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return 0;
		*why = strerror(errno);
		return -errno;
	}
	if (!take_fds(&r->msg, &hdr) || hdr.msg_flags & MSG_CTRUNC)
		return broken(why, "more descriptors came than a message may have, or than this process may open");
	if (got)
		return got;
	if (r->have)
		return broken(why, "the peer closed in the middle of a message");
	*why = "the peer closed";
	return -ENOTCONN;
}

static int check_header(const struct vhost_user_header *header, const char **why)
{
	if ((header->flags & 3) != VHOST_USER_VERSION)
		return broken(why, "a message of another version");
	if (header->flags & ~FLAGS_KNOWN)
		return broken(why, "a message has unknown flags");
	if (header->size > sizeof(union vhost_user_payload))
		return broken(why, "a message is longer than any may be");
	return 0;
}

void vhost_user_reader_clear(struct vhost_user_reader *reader)
{
	vhost_user_close(&reader->msg);
	memset(reader, 0, sizeof(*reader));
}

int vhost_user_receive(struct vhost_user_reader *r, int fd, const char **why)
{
	const uint32_t head = sizeof(r->msg.header);

	if (r->ready)
		vhost_user_reader_clear(r);
	while (r->have < head || r->have - head < r->msg.header.size) {
		bool heading = r->have < head;
		uint32_t want = heading ? head - r->have : r->msg.header.size - (r->have - head);
		char *dst = heading ? (char *)&r->msg.header + r->have : (char *)&r->msg.payload + (r->have - head);
		ssize_t got = take_bytes(r, fd, dst, want, why);

		if (got <= 0)
			return (int)got;
		r->have += (uint32_t)got;
		if (r->have == head && check_header(&r->msg.header, why))
			return -EPROTO;
	}
	r->ready = true;
	return 1;
}

/* 0: ready, or worth another look; -ETIMEDOUT. */
static int wait_for(int fd, short events, struct clock *clock, uint64_t deadline_ns)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	uint64_t now = clock->monotonic_ns(clock), ms;

	if (now >= deadline_ns)
		return -ETIMEDOUT;
	ms = (deadline_ns - now + NS_PER_MS - 1) / NS_PER_MS;
	if (poll(&pfd, 1, ms > INT32_MAX ? INT32_MAX : (int)ms) < 0)
		return errno == EINTR ? 0 : -errno;
	/* Whatever the clock says: one that does not move must not keep us here. */
	return pfd.revents ? 0 : -ETIMEDOUT;
}

int vhost_user_receive_until(
	struct vhost_user_reader *reader, int fd, struct clock *clock, uint64_t deadline_ns, const char **why)
{
	int ret;

	for (;;) {
		ret = vhost_user_receive(reader, fd, why);
		if (ret)
			return ret;
		ret = wait_for(fd, POLLIN, clock, deadline_ns);
		if (ret) {
			*why = ret == -ETIMEDOUT ? "the peer does not answer" : strerror(-ret);
			return ret;
		}
	}
}

int vhost_user_send(int fd, const struct vhost_user_msg *msg)
{
	struct iovec iov[2] = {
		{ .iov_base = (void *)&msg->header, .iov_len = sizeof(msg->header) },
		{ .iov_base = (void *)&msg->payload, .iov_len = msg->header.size },
	};
	size_t fds_size = msg->fd_count * sizeof(int);
	union control control;
	struct msghdr hdr = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t sent;

	if (fds_size) {
		memset(&control, 0, sizeof(control));
		control.align = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(fds_size),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		};
		memcpy(CMSG_DATA(&control.align), msg->fd, fds_size);
		hdr.msg_control = &control;
		hdr.msg_controllen = CMSG_SPACE(fds_size);
	}
	do
		sent = sendmsg(fd, &hdr, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	/* Linux puts this little into one buffer or says EAGAIN; half a message could not be taken back. */
	return (size_t)sent == sizeof(msg->header) + msg->header.size ? 0 : -EIO;
}

int vhost_user_send_until(int fd, const struct vhost_user_msg *msg, struct clock *clock, uint64_t deadline_ns)
{
	for (;;) {
		int ret = vhost_user_send(fd, msg);

		if (ret != -EAGAIN)
			return ret;
		ret = wait_for(fd, POLLOUT, clock, deadline_ns);
		if (ret)
			return ret;
	}
}
