#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The installed tree as users have it: staged, moved, and projects in C and C++ built from it by pkg-config and by CMake,
# shared and static; each runs against a local mixnet. SLUICE_BUILD: the build directory; SLUICE, SLUICE_HELPERS: lib.sh.
: "${SLUICE_BUILD:?the build directory}"
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../system/lib.sh"

for tool in g++ cmake pkg-config; do
    command -v $tool >/dev/null && continue
    [ "${CI:-}" = true ] && fail "$tool is missing"
    echo "SKIPPED: $tool is missing"
    exit 77
done

echo "install, staged; then moved to where nobody planned it"
DESTDIR=$work/stage cmake --install "$SLUICE_BUILD" --prefix /usr/local >"$work/out" 2>&1 || fail "cmake --install"
mkdir "$work/moved"
mv "$work/stage/usr/local" "$work/moved/sluice"
root=$work/moved/sluice
for file in bin/sluice include/sluice/sluice.h lib*/libsluice.so lib*/libsluice.a lib*/pkgconfig/sluice.pc \
    lib*/pkgconfig/sluice-static.pc lib*/cmake/sluice/sluice-config.cmake share/man/man3/libsluice.3 \
    share/man/man1/sluice.1 share/doc/sluice/LICENSE share/doc/sluice/examples/echo.c; do
    ls "$root"/$file >/dev/null 2>&1 || fail "$file is not installed: $(cd "$root" && find . | sort | tr '\n' ' ')"
done
[ "$("$root/bin/sluice" --version | cut -d' ' -f1,2)" = "sluice $(pkg-config --modversion "$root"/lib*/pkgconfig/sluice.pc)" ] ||
    fail "the program and the package are of different versions"

PKG_CONFIG_PATH=$(ls -d "$root"/lib*/pkgconfig)
LD_LIBRARY_PATH=$(ls -d "$root"/lib*)
export PKG_CONFIG_PATH LD_LIBRARY_PATH
localnet net
topology=$work/net/topology.json
runs() {
    expect 0 30 "$@" "$topology"
    shows hello
    cat "$work/out"
}

for standard in c99 c17; do
    echo "C ($standard), pkg-config, shared"
    # shellcheck disable=SC2046
    expect 0 60 cc -std=$standard -Wall -Wextra -Wpedantic -Werror "$here/c/main.c" -o "$work/shared" \
        $(pkg-config --cflags --libs sluice)
    runs "$work/shared"
    readelf -d "$work/shared" | grep -q 'NEEDED.*libsluice\.so\.0' || fail "not linked with libsluice.so.0"
done
echo "C, pkg-config, static"
# shellcheck disable=SC2046
expect 0 60 cc "$here/c/main.c" -o "$work/static" $(pkg-config --cflags --libs sluice-static)
readelf -d "$work/static" | grep -q libsluice && fail "the static program wants the shared library"
runs "$work/static"

echo "C++, pkg-config"
# shellcheck disable=SC2046
expect 0 60 g++ -std=c++17 -Wall -Wextra -Wpedantic -Werror "$here/cpp/main.cpp" -o "$work/cpp" \
    $(pkg-config --cflags --libs sluice)
runs "$work/cpp"
if command -v clang++ >/dev/null; then
    # shellcheck disable=SC2046
    expect 0 60 clang++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only "$here/cpp/main.cpp" \
        $(pkg-config --cflags sluice)
fi

for project in c cpp; do
    echo "$project, CMake"
    expect 0 60 cmake -G Ninja -S "$here/$project" -B "$work/build-$project" -DCMAKE_PREFIX_PATH="$root"
    expect 0 60 cmake --build "$work/build-$project"
done
runs "$work/build-c/user_c_sluice"
runs "$work/build-c/user_c_static"
runs "$work/build-cpp/user_cpp"

echo "the guide's program, as it stands there"
sed -n '/^```c$/,/^```$/p' "$here/../../docs/library.md" | grep -v '^```' >"$work/guide.c"
# shellcheck disable=SC2046
expect 0 60 cc -std=c17 -Wall -Wextra -Werror "$work/guide.c" -o "$work/guide" $(pkg-config --cflags --libs sluice)

echo "each header stands alone"
for header in "$root"/include/sluice/*.h; do
    echo "#include <sluice/$(basename "$header")>" >"$work/one.c"
    cp "$work/one.c" "$work/one.cpp"
    expect 0 20 cc -std=c99 -Wall -Wextra -Wpedantic -Werror -I"$root/include" -fsyntax-only "$work/one.c"
    expect 0 20 g++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -I"$root/include" -fsyntax-only "$work/one.cpp"
done

echo "every option is in the manual"
"$SLUICE" options | sed -n 's/^\([a-z_]*\.[a-z_]*\) .*/\1/p' >"$work/options"
[ -s "$work/options" ] || fail "sluice options lists nothing"
while read -r option; do
    grep -q "^\.It Li $option$" "$root/share/man/man7/sluice-traffic.7" || fail "sluice-traffic(7) has no $option"
done <"$work/options"

command -v man >/dev/null || { echo "manual pages not looked at: man is missing"; exit 0; }
echo "manual pages without complaint, each function by its name"
for page in "$root"/share/man/man*/*; do
    case $(head -c 3 "$page") in .so) continue ;; esac
    expect 0 20 man --warnings=all -E UTF-8 -l -Tutf8 "$page"
    [ -s "$work/err" ] && fail "$(basename "$page")"
done
for name in slc_open slc_reply slc_dispatch slc_hand_over slc_status_text; do
    expect 0 20 man -M "$root/share/man" -Tutf8 3 $name
    [ -s "$work/out" ] || fail "no page for $name"
done
exit 0
