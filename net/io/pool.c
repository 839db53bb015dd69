/* SPDX-License-Identifier: Apache-2.0 */
#include "net/io/pool.h"

#include <sys/mman.h>

/* Free slots are poisoned, so that a sanitizer reports whoever touches one, or gives one back twice. */
#if defined(__SANITIZE_ADDRESS__)
#define POOL_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_POISONS 1
#endif
#endif

#ifdef POOL_POISONS
#include <sanitizer/asan_interface.h>
#define forbid(memory, len) ASAN_POISON_MEMORY_REGION(memory, len)
#define allow(memory, len)  ASAN_UNPOISON_MEMORY_REGION(memory, len)
#else
#define forbid(memory, len) ((void)(memory), (void)(len))
#define allow(memory, len)  ((void)(memory), (void)(len))
#endif

enum { SLOT_ALIGNMENT = 64 };

enum slc_status slc_pool_init(struct slc_pool *pool, size_t slot_bytes, size_t count)
{
    *pool = (struct slc_pool){0};
    if (slot_bytes == 0 || slot_bytes > SIZE_MAX - SLOT_ALIGNMENT) return SLC_NO_MEMORY;
    slot_bytes = (slot_bytes + SLOT_ALIGNMENT - 1) / SLOT_ALIGNMENT * SLOT_ALIGNMENT;
    size_t bytes;
    if (__builtin_mul_overflow(slot_bytes, count, &bytes)) return SLC_NO_MEMORY;
    pool->slot_bytes = slot_bytes;
    if (bytes == 0) return SLC_OK;

    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return SLC_NO_MEMORY;
    pool->memory = memory;
    pool->count = count;
    forbid(memory, bytes);
    return SLC_OK;
}

void slc_pool_free(struct slc_pool *pool)
{
    if (pool->memory != NULL) {
        allow(pool->memory, pool->slot_bytes * pool->count);
        (void)munmap(pool->memory, pool->slot_bytes * pool->count);
    }
    *pool = (struct slc_pool){0};
}

/*
 * The free list is a stack: the slot last given is the one still in the cache. Slots that were never taken are not on
 * it (building it would touch every page); they are the ones from high_water on, because a fresh slot is only taken
 * when the list is empty, that is when all slots below high_water are out.
 */
void *slc_pool_take(struct slc_pool *pool)
{
    void *slot = pool->free_list;
    if (slot != NULL) {
        allow(slot, pool->slot_bytes);
        memcpy(&pool->free_list, slot, sizeof pool->free_list);
    } else {
        if (pool->high_water == pool->count) return NULL;
        slot = pool->memory + pool->high_water * pool->slot_bytes;
        allow(slot, pool->slot_bytes);
        pool->high_water++;
    }
    pool->taken++;
    return slot;
}

void slc_pool_give(struct slc_pool *pool, void *slot)
{
    memcpy(slot, &pool->free_list, sizeof pool->free_list);
    pool->free_list = slot;
    pool->taken--;
    forbid(slot, pool->slot_bytes);
}
