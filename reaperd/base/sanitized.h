/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SANITIZED is defined where AddressSanitizer is compiled in, which compilers say in two ways. */
#ifndef REAPERD_BASE_SANITIZED_H
#define REAPERD_BASE_SANITIZED_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED
#endif

#endif
