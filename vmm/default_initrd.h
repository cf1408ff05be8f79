/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The initrd of a guest that was given none: initramfs.h's archive around the embedded init, for this kernel and these
 * options. Made once, placed on every boot.
 */
#ifndef MINIVMM_DEFAULT_INITRD_H
#define MINIVMM_DEFAULT_INITRD_H

#include <sys/uio.h>

#include "boot.h"
#include "error.h"
#include "initramfs.h"
#include "kernel.h"
#include "options.h"

struct default_initrd {
	struct initramfs archive;
	struct iovec piece;
};

/* 0 and *initrd set to the archive; or -1 with *error filled. What the guest will lack is said on stderr. */
must_check int default_initrd_make(struct default_initrd *made, const struct options *options,
	const struct kernel *kernel, struct initrd *initrd, struct error *error);
/* Zeroed memory is allowed. */
void default_initrd_free(struct default_initrd *made);

#endif
