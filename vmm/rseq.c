/* SPDX-License-Identifier: Apache-2.0 */
/* See rseq.h. */
#include "rseq.h"

#include <sys/syscall.h>
#include <unistd.h>

#if defined(__GLIBC__) && defined(__has_include) && __has_include(<sys/rseq.h>)
#include <sys/rseq.h>

/* The size is part of what was registered: the first version's, which later C libraries keep to as long as it does. */
#define AREA_SIZE 32

void rseq_leave(void)
{
	if (__rseq_size)
		(void)syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset, AREA_SIZE,
			RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
}
#else
void rseq_leave(void)
{
}
#endif
