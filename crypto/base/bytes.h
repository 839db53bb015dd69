/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BYTES_H
#define SLUICE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Views of bytes, and the two cursors that every parser and writer of a wire format uses.
 * A cursor cannot run past its end: a read beyond it gives zeros, a write beyond it is dropped, and both leave the
 * cursor marked; one check at the end is enough. All multi-byte integers here are big-endian, as on Nym's wires.
 */

/* A view of somebody else's bytes. `data` may be NULL when `len` is 0. */
struct slc_bytes {
    const uint8_t *data;
    size_t len;
};

static inline struct slc_bytes slc_bytes(const void *data, size_t len)
{
    return (struct slc_bytes){(const uint8_t *)data, len};
}

static inline struct slc_bytes slc_bytes_of_text(const char *text)
{
    return slc_bytes(text, strlen(text));
}

struct slc_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool overrun;
};

static inline struct slc_reader slc_reader(struct slc_bytes bytes)
{
    /* Nothing is added to NULL, which an empty view may be. */
    return (struct slc_reader){bytes.data, bytes.len == 0 ? bytes.data : bytes.data + bytes.len, false};
}

static inline size_t slc_reader_left(const struct slc_reader *r)
{
    return (size_t)(r->end - r->at);
}

static inline bool slc_reader_ok(const struct slc_reader *r)
{
    return !r->overrun;
}

/* The next `len` bytes as a view; on overrun an empty view, and the reader stays at its end. */
static inline struct slc_bytes slc_read_bytes(struct slc_reader *r, size_t len)
{
    if (slc_reader_left(r) < len) {
        r->overrun = true;
        r->at = r->end;
        return slc_bytes(NULL, 0);
    }
    struct slc_bytes view = slc_bytes(r->at, len);
    r->at += len;
    return view;
}

static inline struct slc_bytes slc_read_rest(struct slc_reader *r)
{
    return slc_read_bytes(r, slc_reader_left(r));
}

/* Copies the next `len` bytes to `out`; zeros on overrun. */
static inline void slc_read_into(struct slc_reader *r, void *out, size_t len)
{
    struct slc_bytes view = slc_read_bytes(r, len);
    if (view.len == len && len > 0) {
        memcpy(out, view.data, len);
    } else if (len > 0) {
        memset(out, 0, len);
    }
}

static inline uint64_t slc_read_be(struct slc_reader *r, unsigned width)
{
    struct slc_bytes view = slc_read_bytes(r, width);
    uint64_t value = 0;
    for (size_t i = 0; i < view.len; i++) {
        value = value << 8 | view.data[i];
    }
    return value;
}

static inline uint8_t slc_read_u8(struct slc_reader *r)
{
    return (uint8_t)slc_read_be(r, 1);
}

static inline uint16_t slc_read_u16(struct slc_reader *r)
{
    return (uint16_t)slc_read_be(r, 2);
}

static inline uint32_t slc_read_u32(struct slc_reader *r)
{
    return (uint32_t)slc_read_be(r, 4);
}

static inline uint64_t slc_read_u64(struct slc_reader *r)
{
    return slc_read_be(r, 8);
}

/* A writer fills memory of the caller; `len` bytes are written so far. */
struct slc_writer {
    uint8_t *data;
    size_t cap;
    size_t len;
    bool overrun;
};

static inline struct slc_writer slc_writer(void *data, size_t cap)
{
    return (struct slc_writer){(uint8_t *)data, cap, 0, false};
}

static inline bool slc_writer_ok(const struct slc_writer *w)
{
    return !w->overrun;
}

/* Room for `len` bytes that the caller fills; NULL on overrun. */
static inline uint8_t *slc_write_space(struct slc_writer *w, size_t len)
{
    if (w->cap - w->len < len) {
        w->overrun = true;
        return NULL;
    }
    uint8_t *at = w->data + w->len;
    w->len += len;
    return at;
}

static inline void slc_write_bytes(struct slc_writer *w, const void *bytes, size_t len)
{
    uint8_t *at = slc_write_space(w, len);
    if (at != NULL && len > 0) {
        memcpy(at, bytes, len);
    }
}

static inline void slc_write_zeros(struct slc_writer *w, size_t len)
{
    uint8_t *at = slc_write_space(w, len);
    if (at != NULL && len > 0) {
        memset(at, 0, len);
    }
}

static inline void slc_write_be(struct slc_writer *w, uint64_t value, unsigned width)
{
    uint8_t *at = slc_write_space(w, width);
    for (unsigned i = 0; at != NULL && i < width; i++) {
        at[i] = (uint8_t)(value >> (8 * (width - 1 - i)));
    }
}

static inline void slc_write_u8(struct slc_writer *w, uint8_t value)
{
    slc_write_be(w, value, 1);
}

static inline void slc_write_u16(struct slc_writer *w, uint16_t value)
{
    slc_write_be(w, value, 2);
}

static inline void slc_write_u32(struct slc_writer *w, uint32_t value)
{
    slc_write_be(w, value, 4);
}

static inline void slc_write_u64(struct slc_writer *w, uint64_t value)
{
    slc_write_be(w, value, 8);
}

#endif
