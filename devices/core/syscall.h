/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls of every request, past the C library's functions of these names. Those are places where a thread may be
 * cancelled, which no thread here ever is, and in a process with threads they prepare for it: 60 instructions a call. They
 * answer alike, -1 and errno.
 *
 * Sanitizers know the functions and not the calls, so they get the functions.
 */
#ifndef MINIVMM_SYSCALL_H
#define MINIVMM_SYSCALL_H

#include <stddef.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SYSCALL_DIRECT 0
#elif defined(__has_feature)
#define SYSCALL_DIRECT                                                                                                 \
	(!__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer) && !__has_feature(memory_sanitizer))
#else
#define SYSCALL_DIRECT 1
#endif

/* An offset is one argument: on every machine of 64 bits. */
_Static_assert(sizeof(long) == sizeof(off_t), "system calls take an offset in one register");

static inline ssize_t direct_write(int fd, const void *buf, size_t len)
{
	return SYSCALL_DIRECT ? syscall(SYS_write, fd, buf, len) : write(fd, buf, len);
}

static inline ssize_t direct_pread(int fd, void *buf, size_t len, off_t offset)
{
	return SYSCALL_DIRECT ? syscall(SYS_pread64, fd, buf, len, offset) : pread(fd, buf, len, offset);
}

static inline ssize_t direct_pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	return SYSCALL_DIRECT ? syscall(SYS_pwrite64, fd, buf, len, offset) : pwrite(fd, buf, len, offset);
}

/* Waits for ever. */
static inline int direct_epoll_wait(int fd, struct epoll_event *events, int most)
{
	return SYSCALL_DIRECT ? (int)syscall(SYS_epoll_pwait, fd, events, most, -1, NULL, 0)
			      : epoll_wait(fd, events, most, -1);
}

#endif
