/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_STATUS_H
#define SLUICE_STATUS_H

#include <stddef.h>
#include <stdint.h>

/*
 * What a fallible function answers. 0 is success; everything else names the cause, not the place.
 * The place (file, line, column, peer, flag) goes into a slc_error beside it, where a person is going to read it.
 */

#define SLC_MUST_CHECK __attribute__((warn_unused_result))
/* What the shared library exports; everything else in it is hidden. */
#define SLC_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

enum slc_status {
    SLC_OK = 0,
    SLC_PARTIAL,          /* a batch: some jobs failed, each says why in its own status              */
    SLC_AGAIN,            /* not an error: nothing there yet, or no room now; call again later       */
    SLC_BAD_ARGUMENT,     /* the caller broke the contract in the header                             */
    SLC_NO_MEMORY,        /* allocation failed                                                       */
    SLC_IO,               /* the operating system refused; errno at the time is in the error's text  */
    SLC_RANDOM_FAILED,    /* the operating system gave no randomness; nothing may be sent            */
    SLC_TOO_SHORT,        /* fewer bytes than the format needs                                       */
    SLC_TOO_LONG,         /* more bytes than the format, or our bound, allows                        */
    SLC_MALFORMED,        /* bytes that are not of the format                                        */
    SLC_NOT_UTF8,         /* text that is not UTF-8                                                  */
    SLC_TOO_DEEP,         /* nested deeper than the bound                                            */
    SLC_OUT_OF_RANGE,     /* a number outside what the format allows                                 */
    SLC_UNSUPPORTED,      /* well formed, but a version, size or kind that we do not speak           */
    SLC_BAD_KEY,          /* a key that cannot be used: low order, on the twist, not a point         */
    SLC_BAD_MAC,          /* authentication failed                                                   */
    SLC_BAD_SIGNATURE,    /* a signature does not verify                                             */
    SLC_BAD_ROUTE,        /* 0 hops, more than 5 hops, or an unusable hop                            */
    SLC_BAD_PAYLOAD,      /* a Sphinx payload that is too short, too long or not one of ours         */
    SLC_BAD_SURB,         /* a SURB that cannot be used                                              */
    SLC_REPLAY,           /* this packet was here before                                             */
    SLC_EXPIRED_KEY,      /* made for a key rotation that is gone                                    */
    SLC_NO_ROUTE,         /* the topology lacks a layer, or the gateway asked for                    */
    SLC_NOT_FOUND,        /* nothing under that name                                                 */
    SLC_DUPLICATE,        /* already there                                                           */
    SLC_OUT_OF_BANDWIDTH, /* the gateway wants a bandwidth claim first                               */
    SLC_FULL,             /* a bounded queue or table has no room                                    */
    SLC_TIMEOUT,          /* the peer did not answer in time                                         */
    SLC_CLOSED,           /* the peer, or we, closed the connection                                  */
    SLC_REFUSED,          /* the peer said no; its words are in the error's text                     */
    SLC_DENIED,           /* no permission                                                           */
    SLC_BAD_HANDLE,       /* a handle of nothing: closed, removed, zero, never given out             */
    SLC_WRONG_THREAD,     /* only the engine's control thread may call this                          */
    SLC_UNTRUSTED,        /* TLS: nobody we trust vouches for the peer's certificate                 */
    SLC_STATUS_COUNT      /* grows with the library: no part of its promises                         */
};

/* A short English phrase for a status; never NULL. Any thread. */
SLC_API const char *slc_status_text(enum slc_status status);

/* A status with the words a person needs: what, where, what to do. Zero-initialised it says "no error". */
struct slc_error {
    enum slc_status status;
    char text[320];
};

#ifdef __cplusplus
}
#endif

#endif
