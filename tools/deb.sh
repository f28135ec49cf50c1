#!/bin/sh
# SPDX-License-Identifier: MIT
# What `make deb` does: the last commit's Debian source package and package, built from what
# `make dist` packed and looked at by lintian, in build/deb/. Installs what is missing.
set -eu
tools/deps.sh demo test deb
tarball=$(tools/dist.sh)
rm -rf build/deb
mkdir -p build/deb
tar -xzf "$tarball" -C build/deb
(cd build/deb/livechat-* && dpkg-buildpackage -us -uc)
lintian --fail-on error build/deb/*.changes
ls build/deb/*.deb build/deb/*.dsc
