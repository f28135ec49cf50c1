/* SPDX-License-Identifier: MIT */
/* Opening and creating the file of shm.h. */
#ifndef LC_SHM_FILE_H
#define LC_SHM_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "shm.h"

#define LC_SHM_BOOT_SIZE 48
#define LC_SHM_IMAGE_SIZE 64

struct lc_shm_home { /* where a process is: inode numbers of its namespaces, 0 for one unknown */
  uint64_t pid_namespace;
  uint64_t time_namespace;
};

struct lc_shm_head {
  char magic[16]; /* these two stay where they are in every layout to come */
  char boot[LC_SHM_BOOT_SIZE];
  uint32_t layout;
  uint32_t unused;
  struct lc_shm_home home; /* of those who use it */
  /* A new mutex, as the C library that made this one has them. */
  unsigned char mutex_image[LC_SHM_IMAGE_SIZE];
  int64_t mutex[LC_SHM_IMAGE_SIZE / sizeof(int64_t)]; /* a pthread_mutex_t */
  /* struct lc_throttle */
};

struct lc_shm_file {
  int fd; /* holds a shared flock while the file is in use; -1: closed */
  size_t size;
  struct lc_shm_head *head;
  struct lc_throttle *throttle; /* behind the head */
};

/* See lc_shm_open. A failure leaves it closed. */
enum lc_err lc_shm_file_open(struct lc_shm_file *file, const struct lc_shm_options *options,
                             char *text, size_t text_size);
void lc_shm_file_close(struct lc_shm_file *file);
/* LC_ESYS where /proc does not tell. */
enum lc_err lc_shm_home(struct lc_shm_home *home);

#endif
