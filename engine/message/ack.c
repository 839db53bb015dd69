/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/message/message.h"

enum { IV_BYTES = 16, ID_BYTES = 5 };
_Static_assert(SLC_ACK_CONTENT_BYTES == IV_BYTES + ID_BYTES, "section 9.2");

void slc_ack_write(uint8_t out[SLC_ACK_CONTENT_BYTES], const uint8_t ack_key[SLC_ACK_KEY_BYTES], const uint8_t iv[16],
                   struct slc_fragment_id id)
{
    struct slc_writer w = slc_writer(out, SLC_ACK_CONTENT_BYTES);
    slc_write_bytes(&w, iv, IV_BYTES);
    slc_write_u32(&w, id.set);
    slc_write_u8(&w, id.position);
    uint8_t *encrypted = out + IV_BYTES;
    slc_aes128_ctr(&encrypted, ID_BYTES, &ack_key, &iv, 1);
}

enum slc_status slc_ack_read(struct slc_bytes content, const uint8_t ack_key[SLC_ACK_KEY_BYTES],
                             struct slc_fragment_id *id)
{
    if (content.len < SLC_ACK_CONTENT_BYTES) return SLC_TOO_SHORT;
    if (content.len > SLC_ACK_CONTENT_BYTES) return SLC_TOO_LONG;
    uint8_t identifier[ID_BYTES];
    uint8_t *decrypted = identifier;
    memcpy(identifier, content.data + IV_BYTES, ID_BYTES);
    slc_aes128_ctr(&decrypted, ID_BYTES, &ack_key, &content.data, 1);

    struct slc_reader r = slc_reader(slc_bytes(identifier, ID_BYTES));
    id->set = slc_read_u32(&r);
    id->position = slc_read_u8(&r);
    return id->set > INT32_MAX ? SLC_MALFORMED : SLC_OK;
}

enum slc_status slc_delivery_split(struct slc_delivery *delivery, enum slc_packet_size size, struct slc_bytes plaintext)
{
    *delivery = (struct slc_delivery){.message = plaintext};
    if (size == SLC_SIZE_ACK) return SLC_OK;
    struct slc_reader r = slc_reader(plaintext);
    /* The address has a field of its own width: what follows a shorter one is padding, not the packet. */
    struct slc_reader address = slc_reader(slc_read_bytes(&r, SLC_SURB_ACK_ADDRESS_BYTES));
    delivery->ack_packet = slc_read_bytes(&r, SLC_ACK_PACKET_BYTES);
    delivery->message = slc_read_rest(&r);
    if (!slc_reader_ok(&r)) return SLC_TOO_SHORT;
    return slc_address_read(&address, &delivery->ack_hop);
}
