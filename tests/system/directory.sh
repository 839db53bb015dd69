#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Bad topologies, as a file and from a directory: refused before anything is sent, with place and cause.
. "$(dirname "$0")/lib.sh"

localnet good --seed 11
good=$work/good/topology.json
light="--clients 1 --rate 5/s --duration 1s --quiet"

# bad WORDS...: load and client refuse $work/bad.json with all of the words.
bad() {
    expect 2 10 "$SLUICE" load --network "$work/bad.json" $light
    for words in "$@"; do
        says "$words"
    done
    expect 2 10 "$SLUICE" client listen --network "$work/bad.json" --timeout 2s
    for words in "$@"; do
        tells "$words"
    done
}

# Keys as they stand in the file, by node id: the network's own order is 1, 2, 3 mixnodes, 4 and 5 gateways.
foreign() {
    "$SLUICE_HELPERS/json_number" "$work/node$1.json" "$2" || fail "node $1 has no $2"
}
tr -d '\n\t' <"$work/good/foreign.json" | sed 's/^\[//; s/\]$//; s/}, *{/}\n{/g' >"$work/nodes"
for id in 1 2 3 4 5; do
    sed -n "${id}p" "$work/nodes" >"$work/node$id.json"
done
key1=$(foreign 1 sphinx_key) key2=$(foreign 2 sphinx_key)
# In the file keys are lists of numbers.
list_of() {
    sed "s/.*\"$1\":{\"node_id\":$1,[^}]*\"sphinx_key\":\[\([0-9,]*\)\].*/\1/" "$good"
}
list1=$(list_of 1) list2=$(list_of 2)
zeros=11111111111111111111111111111111
zero_list=0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0
# u = 2 lies on the twist of Curve25519.
twist_list=2${zero_list#0}

echo "files that are no topology: file, line and column"
: >"$work/bad.json"
bad "bad.json"
echo '{' >"$work/bad.json"
bad "bad.json:2:1"
printf '{\n  "a": 1,\n  "b": [1, 2,,3]\n}\n' >"$work/bad.json"
bad "bad.json:3:"
head -c 700 "$good" >"$work/bad.json"
bad "bad.json:"
printf '{"x": "\377"}' >"$work/bad.json"
bad "bad.json:1:"
{ head -c 100000 /dev/zero | tr '\0' '['; } >"$work/bad.json"
bad "bad.json:1:"
sed "s/\[$list1\]/[1,2,3]/" "$good" >"$work/bad.json"
bad "bad.json:1:" "node_details.1.sphinx_key"
sed "s/\[$list1\]/\"$key1\"/" "$good" >"$work/bad.json"
bad "bad.json:1:" "node_details.1.sphinx_key"

echo "keys that cannot be used: low order, on the twist, twice"
sed "s/$list1/$zero_list/" "$good" >"$work/bad.json"
bad "layer 1"
sed "s/$list1/$twist_list/" "$good" >"$work/bad.json"
bad "layer 1"
sed "s/$list2/$list1/" "$good" >"$work/bad.json"
bad "layer 2"

echo "a directory that is not there, or answers something else"
expect 3 15 "$SLUICE" load --nym-api http://127.0.0.1:1/api $light
says "127.0.0.1:1"
expect 2 15 "$SLUICE" load --nym-api ftp://127.0.0.1/ $light
expect 2 15 "$SLUICE" load --nym-api nonsense $light
somebody=$(foreign 1 identity_key).$key1@$(foreign 4 identity_key)
expect 3 15 "$SLUICE" client send --nym-api http://127.0.0.1:1/api --to "$somebody" --text x --timeout 2s

echo "an empty directory, one without a layer, one with bad keys"
serve() {
    background "$1" "$SLUICE_HELPERS/static_directory" "$work/$1.d"
    await "$work/$1.out" ready 5
    bad_api=$(sed -n 's/^ready //p' "$work/$1.out")
}
copy() {
    mkdir -p "$work/$1.d"
    for document in v1/epoch/key-rotation-info v1/nym-nodes/rewarded-set v2/unstable/nym-nodes/skimmed/mixnodes/active \
        v2/unstable/nym-nodes/skimmed/entry-gateways; do
        curl -fsS --noproxy '*' --max-time 5 "$api/$document" >"$work/$1.d/$(echo "$document" | tr / _)" || fail "no $document"
    done
}
copy empty
: >"$work/empty.d/v2_unstable_nym-nodes_skimmed_mixnodes_active"
serve empty
expect 2 15 "$SLUICE" load --nym-api "$bad_api" $light
says "mixnodes/active"
copy layer
sed -i 's/"layer3":\[3\]/"layer3":[]/' "$work/layer.d/v1_nym-nodes_rewarded-set"
serve layer
expect 2 15 "$SLUICE" load --nym-api "$bad_api" $light
says "layer 3"
copy keys
sed -i "s/$key2/$zeros/" "$work/keys.d/v2_unstable_nym-nodes_skimmed_mixnodes_active"
serve keys
expect 2 15 "$SLUICE" load --nym-api "$bad_api" $light
says "layer 2"
copy twice
sed -i "s/$key2/$key1/" "$work/twice.d/v2_unstable_nym-nodes_skimmed_mixnodes_active"
serve twice
expect 2 15 "$SLUICE" load --nym-api "$bad_api" $light
says "layer 2"
copy epochs
sed -i 's/"epoch_id":97/"epoch_id":98/' "$work/epochs.d/v1_nym-nodes_rewarded-set"
serve epochs
expect "2 3" 15 "$SLUICE" load --nym-api "$bad_api" $light
says "epoch"
exit 0
