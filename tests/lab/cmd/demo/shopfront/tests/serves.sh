#!/bin/sh
# Starts the built server and asks it, as the site's health check will, which version it is.
set -eu
export HOME="$PWD"
out/caddy run --config Caddyfile >out/log 2>&1 &
server=$!
trap 'kill $server' EXIT
i=0
while [ $i -lt 50 ]; do
	if curl -sf http://127.0.0.1:8080/metrics 2>/dev/null | grep -q "path=\"github.com/caddyserver/caddy/v2\",version=\"$1\""; then
		echo "serves version $1"
		exit 0
	fi
	sleep 0.2
	i=$((i + 1))
done
echo "no answer that names version $1; its log:"
cat out/log
exit 1
