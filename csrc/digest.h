/* SPDX-License-Identifier: MIT */
/* A name for a text. */
#ifndef LC_DIGEST_H
#define LC_DIGEST_H

#include <stddef.h>

#define LC_DIGEST_SIZE 33 /* 32 hex digits and their 0 */

/* SipHash-2-4 with an output of 128 bits and a published key: the same on every machine.
 * Texts that differ by chance differ in it; a sender who wants two to agree can make it so. */
void lc_digest(const void *data, size_t len, char hex[LC_DIGEST_SIZE]);

#endif
