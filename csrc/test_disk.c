/* SPDX-License-Identifier: MIT */
/* The disk's threads and their group commit. */
#include "commit.h"
#include "disk.h"
#include "stamp.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char base[64], drafts[80], box[80], done[80];

static const char *path_of(const char *folder, const char *name) {
  static char path[200];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static int count(const char *path) {
  struct lc_listing listing;
  enum lc_err err = lc_listing_open(&listing, path);
  int n = err == LC_OK && lc_listing_more(&listing, SIZE_MAX, false) == LC_OK ? (int)listing.n : -1;
  lc_listing_free(&listing);
  return n;
}

static void empty(const char *path) {
  void *folder;
  bool more = true;
  if (CHECK(lc_folder_open(path, &folder) == LC_OK))
    CHECK(lc_folder_sweep(folder, INT64_MAX, 1000000, &more) == LC_OK && !more);
  lc_folder_close(folder);
}

/* ---- syncs, as the linker gives them to us -------------------------------------------------- */

static atomic_int syncs, sync_fails; /* the n-th from now on fails; 0: none */
static atomic_bool disk_hangs;

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_syncfs(int fd);
int __wrap_syncfs(int fd);

static bool sync_fails_now(void) {
  atomic_fetch_add(&syncs, 1);
  while (atomic_load(&disk_hangs))
    usleep(1000);
  int left = atomic_load(&sync_fails);
  if (left > 0)
    atomic_store(&sync_fails, left - 1);
  errno = EIO;
  return left == 1;
}

int __wrap_fsync(int fd) {
  return sync_fails_now() ? -1 : __real_fsync(fd);
}

int __wrap_syncfs(int fd) {
  return sync_fails_now() ? -1 : __real_syncfs(fd);
}

/* ---- jobs ----------------------------------------------------------------------------------- */

static struct lc_job *store_job(const char *name, const char *text) {
  struct lc_job *job = lc_job_new(LC_OP_STORE);
  bool made = job != NULL && lc_job_set_path(job, 0, drafts) == LC_OK &&
              lc_job_set_path(job, 1, box) == LC_OK && lc_job_set_path(job, 2, name) == LC_OK &&
              lc_job_set_path(job, 3, done) == LC_OK &&
              lc_job_set_data(job, text, strlen(text)) == LC_OK;
  if (made) {
    job->mode = 0640;
    return job;
  }
  lc_job_free(job);
  return NULL;
}

static struct lc_job *path_job(enum lc_op op, const char *path) {
  struct lc_job *job = lc_job_new(op);
  if (job != NULL && lc_job_set_path(job, 0, path) != LC_OK) {
    lc_job_free(job);
    job = NULL;
  }
  return job;
}

static bool ended_with(struct lc_job *jobs, const char *name, enum lc_err err, int why) {
  for (; jobs != NULL; jobs = jobs->next) {
    if (strcmp(jobs->path[2], name) == 0)
      return jobs->err == err && (err != LC_ESYS || jobs->why == why);
  }
  return false;
}

static int free_all(struct lc_job *jobs) {
  int n = 0;
  for (struct lc_job *next; jobs != NULL; jobs = next, n++) {
    next = jobs->next;
    lc_job_free(jobs);
  }
  return n;
}

static struct lc_job *chain(struct lc_job *first, struct lc_job *second) {
  first->next = second;
  return first;
}

/* ---- group commit --------------------------------------------------------------------------- */

static void test_commit(void) {
  /* One alone: its file, then its name. */
  atomic_store(&syncs, 0);
  struct lc_job *jobs = store_job("a", "1");
  lc_commit(jobs);
  CHECK(atomic_load(&syncs) == 2 && count(box) == 1 && count(drafts) == 0);
  CHECK(ended_with(jobs, "a", LC_OK, 0) && free_all(jobs) == 1);

  /* Several, with one sync for all data and one for all names; one is known. */
  struct stat about;
  int fd = lc_folder_hold(drafts);
  bool whole = lc_folder_syncs_whole(fd);
  close(fd);
  atomic_store(&syncs, 0);
  jobs = chain(store_job("b", "2"), chain(store_job("a", "again"), store_job("c", "3")));
  lc_commit(jobs);
  CHECK(ended_with(jobs, "b", LC_OK, 0) && ended_with(jobs, "c", LC_OK, 0));
  CHECK(ended_with(jobs, "a", LC_ESYS, EEXIST) && free_all(jobs) == 3);
  CHECK(atomic_load(&syncs) == (whole ? 2 : 3));
  CHECK(stat(path_of(box, "b"), &about) == 0 && (about.st_mode & 07777) == 0640);

  /* What is known is known where its name is on disk: it may be another process's. */
  atomic_store(&syncs, 0);
  jobs = store_job("a", "again");
  lc_commit(jobs);
  CHECK(ended_with(jobs, "a", LC_ESYS, EEXIST) && !jobs->yes && free_all(jobs) == 1);
  CHECK(atomic_load(&syncs) == 1);

  /* The same id twice at once; and one that has gone to another folder. */
  jobs = chain(store_job("e", "5"), store_job("e", "6"));
  lc_commit(jobs);
  CHECK(jobs->err == LC_OK && jobs->next->err == LC_ESYS && jobs->next->why == EEXIST);
  CHECK(free_all(jobs) == 2 && count(drafts) == 0);
  char from[200];
  snprintf(from, sizeof from, "%s", path_of(box, "e"));
  CHECK(rename(from, path_of(done, "e")) == 0);
  atomic_store(&syncs, 0);
  jobs = store_job("e", "7");
  lc_commit(jobs);
  CHECK(ended_with(jobs, "e", LC_ESYS, EEXIST) && jobs->yes && free_all(jobs) == 1);
  CHECK(atomic_load(&syncs) == 0);
  empty(box);
}

static void commit_without(size_t place) {
  struct lc_job *jobs = chain(store_job("d", "4"), store_job("f", "5"));
  for (struct lc_job *job = jobs; job != NULL; job = job->next)
    CHECK(lc_job_set_path(job, place, path_of(base, "no")) == LC_OK);
  lc_commit(jobs);
  CHECK(ended_with(jobs, "d", LC_ESYS, ENOENT) && ended_with(jobs, "f", LC_ESYS, ENOENT));
  CHECK(free_all(jobs) == 2 && count(drafts) == 0);
}

static void test_commit_fails(void) {
  /* The sync of the data, of one and of several: nothing is left. */
  for (int several = 0; several < 2; several++) {
    struct lc_job *jobs = store_job("a", "1");
    if (several)
      chain(jobs, store_job("b", "2"));
    atomic_store(&sync_fails, 1);
    lc_commit(jobs);
    CHECK(ended_with(jobs, "a", LC_ESYS, EIO) && count(drafts) == 0);
    CHECK(!lc_file_is_in(box, "a") && free_all(jobs) == 1 + several);
    atomic_store(&sync_fails, 0);
    empty(box);
  }
  /* The sync of the names: they are not acknowledged. What comes again finds them, and syncs. */
  struct lc_job *jobs = store_job("c", "3");
  atomic_store(&sync_fails, 2);
  lc_commit(jobs);
  CHECK(ended_with(jobs, "c", LC_ESYS, EIO) && free_all(jobs) == 1 && count(box) == 1);
  for (int failing = 1; failing >= 0; failing--) {
    jobs = store_job("c", "3");
    atomic_store(&sync_fails, failing);
    lc_commit(jobs);
    CHECK(ended_with(jobs, "c", LC_ESYS, failing ? EIO : EEXIST) && free_all(jobs) == 1);
  }
  empty(box);
  commit_without(0);
  commit_without(1);
}

/* ---- the threads ---------------------------------------------------------------------------- */

struct told {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  uint64_t n;
};

static struct told told = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static void tell(void *owner, const uint64_t *ids, size_t n) {
  struct told *t = owner;
  (void)ids;
  pthread_mutex_lock(&t->lock);
  t->n += n;
  pthread_cond_broadcast(&t->changed);
  pthread_mutex_unlock(&t->lock);
}

static uint64_t n_told(void) {
  pthread_mutex_lock(&told.lock);
  uint64_t n = told.n;
  pthread_mutex_unlock(&told.lock);
  return n;
}

static bool wait_told(uint64_t n) {
  for (int i = 0; i < 10000 && n_told() < n; i++)
    usleep(1000);
  return n_told() == n;
}

static bool wait_load(struct lc_disk *disk, size_t jobs) {
  for (int i = 0; i < 10000 && lc_disk_load(disk).jobs != jobs; i++)
    usleep(1000);
  return lc_disk_load(disk).jobs == jobs;
}

static void test_disk(void) {
  struct lc_disk *disk;
  told.n = 0;
  CHECK(lc_disk_new(&disk, tell, &told) == LC_OK);
  CHECK(lc_disk_take(disk, 1) == NULL && lc_disk_load(disk).jobs == 0);
  lc_disk_drop(disk, 1);
  CHECK(lc_disk_submit(disk, 1, store_job("a", "12345")) == LC_OK);
  CHECK(lc_disk_submit(disk, 2, path_job(LC_OP_LIST, "/nowhere/at/all")) == LC_OK);
  CHECK(wait_told(2) && lc_disk_load(disk).bytes == 0);
  struct lc_job *job = lc_disk_take(disk, 1);
  CHECK(job != NULL && job->err == LC_OK && job->data == NULL);
  lc_job_free(job);
  CHECK(lc_disk_take(disk, 1) == NULL);
  job = lc_disk_take(disk, 2);
  CHECK(job != NULL && job->err == LC_ESYS && job->why == ENOENT);
  lc_job_free(job);

  /* What is dropped is done, told to none, and leaves nothing open. */
  atomic_store(&disk_hangs, true);
  CHECK(lc_disk_submit(disk, 3, store_job("b", "12345")) == LC_OK);
  CHECK(lc_disk_submit(disk, 4, path_job(LC_OP_LOCK, path_of(box, "a"))) == LC_OK);
  CHECK(wait_load(disk, 1) && lc_disk_load(disk).bytes == 5); /* another thread has locked it */
  CHECK(wait_told(3) && lc_disk_take(disk, 3) == NULL);
  lc_disk_drop(disk, 3);
  lc_disk_drop(disk, 4);
  atomic_store(&disk_hangs, false);
  CHECK(wait_load(disk, 0) && n_told() == 3 && count(box) == 2);
  int fd = -1;
  CHECK(lc_file_lock(path_of(box, "a"), &fd) == LC_OK);
  close(fd);
  lc_disk_free(disk);
  lc_disk_free(NULL);
  empty(box);
}

/* A file and a folder are synced, and what the disk says is told. */
static void test_syncs(void) {
  struct lc_disk *disk;
  uint64_t expected = told.n = 0;
  CHECK(lc_disk_new(&disk, tell, &told) == LC_OK);
  for (int fails = 0; fails < 2; fails++) {
    struct lc_job *job = lc_job_new(LC_OP_SYNC);
    if (!CHECK(job != NULL))
      break;
    job->fd = open(drafts, O_RDONLY | O_CLOEXEC);
    atomic_store(&syncs, 0);
    atomic_store(&sync_fails, fails);
    CHECK(lc_disk_submit(disk, 1, job) == LC_OK && wait_told(++expected));
    atomic_store(&sync_fails, fails);
    CHECK(lc_disk_submit(disk, 2, path_job(LC_OP_SYNC_FOLDER, box)) == LC_OK);
    CHECK(wait_told(++expected) && atomic_load(&syncs) == 2);
    for (uint64_t id = 1; id <= 2; id++) {
      job = lc_disk_take(disk, id);
      if (CHECK(job != NULL)) {
        CHECK(job->err == (fails ? LC_ESYS : LC_OK) && (!fails || job->why == EIO));
        CHECK((id == 1) == (job->fd >= 0));
      }
      lc_job_free(job);
    }
  }
  atomic_store(&sync_fails, 0);
  lc_disk_free(disk);
}

/* Many threads, each with stores and looks of its own; some are not waited for. */
enum { THREADS = 4, EACH = 200 };

struct client {
  struct lc_disk *disk;
  unsigned n;
  unsigned stored;
};

static void *run_client(void *arg) {
  struct client *client = arg;
  char name[32];
  for (unsigned i = 0; i < EACH; i++) {
    uint64_t id = 1 + client->n * EACH + i;
    snprintf(name, sizeof name, "e%u-%u", client->n, i);
    struct lc_job *job = store_job(name, "text"), *taken = NULL;
    if (job == NULL || lc_disk_submit(client->disk, id, job) != LC_OK)
      return NULL;
    if (i % 7 == 0) {
      lc_disk_drop(client->disk, id);
      continue;
    }
    while ((taken = lc_disk_take(client->disk, id)) == NULL)
      usleep(200);
    client->stored += taken->err == LC_OK;
    lc_job_free(taken);
  }
  return NULL;
}

static void test_many(void) {
  struct lc_disk *disk;
  pthread_t threads[THREADS];
  struct client clients[THREADS];
  CHECK(lc_disk_new(&disk, tell, &told) == LC_OK);
  for (unsigned i = 0; i < THREADS; i++) {
    clients[i] = (struct client){disk, i, 0};
    CHECK(pthread_create(&threads[i], NULL, run_client, &clients[i]) == 0);
  }
  for (unsigned i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    CHECK(clients[i].stored == EACH - (EACH + 6) / 7);
  }
  CHECK(wait_load(disk, 0) && count(box) == THREADS * EACH && count(drafts) == 0);
  lc_disk_free(disk);
  empty(box);
}

static bool wait_syncs(int n) {
  for (int i = 0; i < 10000 && atomic_load(&syncs) < n; i++)
    usleep(1000);
  return atomic_load(&syncs) == n;
}

/* One that never comes back holds up none for ever, and what comes back frees what it used. */
static void test_hanging(void) {
  struct lc_disk *disk;
  char name[16];
  told.n = 0;
  CHECK(lc_disk_new(&disk, tell, &told) == LC_OK);
  atomic_store(&disk_hangs, true);
  atomic_store(&syncs, 0);
  for (int i = 1; i <= LC_DISK_THREADS; i++) { /* each gets a thread, and hangs */
    snprintf(name, sizeof name, "a%d", i);
    CHECK(lc_disk_submit(disk, (uint64_t)i, store_job(name, "1")) == LC_OK && wait_syncs(i));
  }
  CHECK(lc_disk_submit(disk, 100, store_job("b", "2")) == LC_OK);
  CHECK(lc_disk_load(disk).jobs == LC_DISK_THREADS + 1);
  int64_t began = lc_clock_us();
  lc_disk_free(disk);
  int64_t took_ms = (lc_clock_us() - began) / 1000;
  CHECK(took_ms >= LC_DISK_END_MS - 100 && took_ms < LC_DISK_END_MS + 2000);
  atomic_store(&disk_hangs, false);
  CHECK(wait_syncs(2 * LC_DISK_THREADS));
  usleep(300000); /* the sanitizers see whether they have freed all, and nothing twice */
  CHECK(n_told() == 0 && count(box) == LC_DISK_THREADS); /* the last had not begun */
  empty(box);
}

/* A child of the process has no thread: it gets an answer, and leaves what is the parent's. */
static void test_fork(void) {
  struct lc_disk *disk;
  CHECK(lc_disk_new(&disk, tell, &told) == LC_OK);
  pid_t child = fork();
  if (child == 0) {
    struct lc_job *job = store_job("child", "x");
    bool closed = lc_disk_submit(disk, 1, job) == LC_ECLOSED && lc_disk_take(disk, 1) == NULL &&
                  lc_disk_load(disk).jobs == 0;
    lc_disk_drop(disk, 1);
    lc_disk_free(disk);
    lc_job_free(job);
    _exit(closed ? 0 : 1);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  lc_disk_free(disk);
}

static void test_no_memory(void) {
  int refused = 0;
  for (long n = 1; n < 100; n++) {
    struct lc_disk *disk = NULL;
    test_fail_alloc(n);
    enum lc_err err = lc_disk_new(&disk, tell, &told);
    struct lc_job *job = err == LC_OK ? store_job("m", "text") : NULL;
    if (err == LC_OK)
      err = job != NULL ? lc_disk_submit(disk, 1, job) : LC_ENOMEM;
    if (err != LC_OK)
      lc_job_free(job);
    struct lc_job *taken = NULL;
    for (int i = 0; i < 5000 && err == LC_OK && (taken = lc_disk_take(disk, 1)) == NULL; i++)
      usleep(1000);
    if (taken != NULL)
      err = taken->err;
    bool failed = test_alloc_failed();
    refused += err == LC_ENOMEM;
    /* Where the second thread is what could not be had, the first does all. */
    CHECK(err == LC_OK || (failed && err == LC_ENOMEM));
    lc_job_free(taken);
    lc_disk_free(disk);
    CHECK(count(drafts) == 0);
    empty(box);
    if (!failed)
      break;
  }
  CHECK(refused >= 10);
}

int main(void) {
  snprintf(base, sizeof base, "/tmp/livechat.XXXXXX");
  if (!CHECK(mkdtemp(base) != NULL))
    return test_end();
  snprintf(drafts, sizeof drafts, "%s/tmp", base);
  snprintf(box, sizeof box, "%s/new", base);
  snprintf(done, sizeof done, "%s/done", base);
  CHECK(lc_folder_make(drafts, 0700) == LC_OK && lc_folder_make(box, 0700) == LC_OK &&
        lc_folder_make(done, 0700) == LC_OK);
  test_commit();
  test_commit_fails();
  test_disk();
  test_syncs();
  test_many();
  test_hanging();
  test_fork();
  test_no_memory();
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", base);
  CHECK(system(command) == 0);
  return test_end();
}
