#!/bin/sh
# SPDX-License-Identifier: MIT
# What `make dist` does: the last commit as build/livechat-VERSION.tar.gz, the same bytes each time.
set -eu
version=$(sed -n 's/.*_VERSION = "\(.*\)".*/\1/p' lua/livechat/init.lua)
mkdir -p build
git archive --format=tar --prefix="livechat-$version/" HEAD | gzip -9n \
  >"build/livechat-$version.tar.gz"
echo "build/livechat-$version.tar.gz"
