/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/curve/curve.h"

/* Products and quotients of a few hundred bytes: nothing below is wiped on its own. */
#define SLC_BURN_BYTES 1024
#include "crypto/base/burn.h"

/* Arithmetic modulo the order l = 2^252 + 27742317777372353535851937790883648493 of the base point. */

typedef unsigned __int128 wide_word;

enum { WORDS = 4, PRODUCT_WORDS = 8 };

static const uint64_t order[WORDS + 1] = {0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, 0x1000000000000000, 0};
/* floor(2^512 / l), for Barrett's reduction. */
static const uint64_t reciprocal[WORDS + 1] = {0xed9ce5a30a2c131b, 0x2106215d086329a7, 0xffffffffffffffeb,
                                               0xffffffffffffffff, 0xf};

static void clamped_words(uint64_t word[WORDS], const uint8_t secret[SLC_KEY_BYTES])
{
    for (size_t k = 0; k < WORDS; k++) {
        word[k] = 0;
        for (size_t byte = 0; byte < 8; byte++) {
            word[k] |= (uint64_t)secret[8 * k + byte] << 8 * byte;
        }
    }
    word[0] &= ~UINT64_C(7);
    word[3] = (word[3] & ~(UINT64_C(1) << 63)) | UINT64_C(1) << 62;
}

/* out += a * b, as far as `out` reaches. */
static void multiply_add(uint64_t *out, size_t out_words, const uint64_t *a, size_t a_words, const uint64_t *b,
                         size_t b_words)
{
    for (size_t i = 0; i < a_words; i++) {
        uint64_t carry = 0;
        for (size_t j = 0; i + j < out_words; j++) {
            wide_word sum = (wide_word)out[i + j] + carry;
            if (j < b_words) sum += (wide_word)a[i] * b[j];
            out[i + j] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
    }
}

/* Subtracts l once if that leaves no borrow. */
static void subtract_order(uint64_t r[WORDS + 1])
{
    uint64_t less[WORDS + 1], borrow = 0;
    for (size_t k = 0; k <= WORDS; k++) {
        wide_word x = (wide_word)r[k] - order[k] - borrow;
        less[k] = (uint64_t)x;
        borrow = (uint64_t)(x >> 64) & 1;
    }
    uint64_t keep = 0 - borrow;
    __asm__("" : "+r"(keep));
    for (size_t k = 0; k <= WORDS; k++) {
        r[k] = less[k] ^ (keep & (less[k] ^ r[k]));
    }
}

/* Handbook of Applied Cryptography, algorithm 14.42, with b = 2^64 and k = 4: the quotient is short by at most 2. */
static void reduce(uint64_t out[WORDS], const uint64_t x[PRODUCT_WORDS])
{
    uint64_t quotient[2 * (WORDS + 1)] = {0}, multiple[WORDS + 1] = {0}, r[WORDS + 1], borrow = 0;
    multiply_add(quotient, 2 * (WORDS + 1), x + WORDS - 1, WORDS + 1, reciprocal, WORDS + 1);
    multiply_add(multiple, WORDS + 1, quotient + WORDS + 1, WORDS + 1, order, WORDS);
    for (size_t k = 0; k <= WORDS; k++) {
        wide_word difference = (wide_word)x[k] - multiple[k] - borrow;
        r[k] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
    subtract_order(r);
    subtract_order(r);
    for (size_t k = 0; k < WORDS; k++) {
        out[k] = r[k];
    }
}

SLC_IN_FRAME void start_in_frame(struct slc_scalar *scalar, const uint8_t secret[SLC_KEY_BYTES])
{
    uint64_t c[WORDS], eighth[PRODUCT_WORDS] = {0};
    clamped_words(c, secret);
    for (size_t k = 0; k < WORDS; k++) {
        eighth[k] = c[k] >> 3 | (k + 1 < WORDS ? c[k + 1] << 61 : 0);
    }
    reduce(scalar->word, eighth);
}

SLC_IN_FRAME void multiply_in_frame(struct slc_scalar *scalar, const uint8_t secret[SLC_KEY_BYTES])
{
    uint64_t c[WORDS], product[PRODUCT_WORDS] = {0};
    clamped_words(c, secret);
    multiply_add(product, PRODUCT_WORDS, scalar->word, WORDS, c, WORDS);
    reduce(scalar->word, product);
}

void slc_scalar_start(struct slc_scalar *scalar, const uint8_t secret[SLC_KEY_BYTES])
{
    start_in_frame(scalar, secret);
    slc_burn_stack();
}

void slc_scalar_multiply(struct slc_scalar *scalar, const uint8_t secret[SLC_KEY_BYTES])
{
    multiply_in_frame(scalar, secret);
    slc_burn_stack();
}
