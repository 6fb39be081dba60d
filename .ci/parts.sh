# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The parts of .ci/run: one function each. A part fails when a command in it fails.
# shellcheck disable=SC2034 # .ci/run goes through it
PARTS=(install lint check deps deb clang asan tsan fuzz soak cross oracle vm)

packages() { # LIST...: the names in these lists of packages.mk
    local list
    for list in "$@"; do
        printf 'include packages.mk\nall:;@echo $(PACKAGES_%s)\n' "$list" | make -s -f -
    done
}

# The one place that talks to Debian. A registry may hiccup: try three times.
part_install() {
    local try apt=(apt-get -q -o DPkg::Lock::Timeout=300)
    for try in 1 2 3; do
        # make tells what the others are
        # shellcheck disable=SC2046
        "${apt[@]}" update && { command -v make >/dev/null || "${apt[@]}" install --yes --no-install-recommends make; } &&
            scripts/packages.sh $(packages BUILD CHECK DEB FUZZ CROSS VM PYTHON CI) && return 0
        echo "try $try failed"; sleep $((try * 10))
    done
    return 1
}

# The README's command; here a warning is an error.
part_check() { WERROR=1 make check; }

part_deps() { make check-deps; }

part_lint() { git ls-files '*.sh' .ci/run | xargs shellcheck -x -S error; }

# The packages, with lintian's verdict: an error there fails. Then what their scripts do is looked at, and a program is built
# with nothing but them.
part_deb() {
    make deb
    tests/integration/package_scripts.sh "build/deb/$(dpkg --print-architecture)"
    tests/integration/dev_package.sh "build/deb/$(dpkg --print-architecture)"
}

# The other compiler: no warnings, the same answers.
part_clang() { make BUILD=build/clang CC=clang WERROR=1 all check-unit; }

# Not detect_stack_use_after_return: gcc's fake stack does not keep the 64-byte alignment of AVX-512 variables
# (gcc bug 110027).
part_asan() {
    export ASAN_OPTIONS=detect_stack_use_after_return=0:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1
    make BUILD=build/asan SANITIZE=address,undefined OPT=-O1 check-unit
}

# Kernels know no threads; all else is run. ThreadSanitizer's shadow does not fit every kernel's address randomization: without it where that is allowed.
part_tsan() {
    local fixed=()
    if setarch -R true 2>/dev/null; then fixed=(setarch -R); fi
    "${fixed[@]}" make BUILD=build/tsan SANITIZE=thread OPT=-O1 TEST_SKIP='tests/kernels/%' check-unit
}

# A short look for what the kept inputs do not show; longer ones: FUZZ_SECONDS=3600 make fuzz.
part_fuzz() { FUZZ_JOBS=2 make fuzz; }

# About 35 s; the long one is make soak.
part_soak() { SOAK_FRAMES=20000 make soak; }

# The aarch64 build, its tests under qemu-user with and without dot products, and its packages.
part_cross() {
    make CROSS=aarch64-linux-gnu- WERROR=1 all
    make check-cross
    make CROSS=aarch64-linux-gnu- deb
}

part_oracle() { make check-oracle; }

part_vm() { make check-vm; }
