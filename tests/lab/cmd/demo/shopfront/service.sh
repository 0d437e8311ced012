#!/bin/sh
# Starts, stops or restarts the server of the release that `current` names. Run in /srv/shop-front.
set -eu
pid=run/caddy.pid
mkdir -p run data

stop() {
	[ -f "$pid" ] || return 0
	read -r p <"$pid" || p=
	if [ -n "$p" ] && kill "$p" 2>/dev/null; then
		i=0
		while kill -0 "$p" 2>/dev/null && [ "$i" -lt 50 ]; do
			sleep 0.1
			i=$((i + 1))
		done
		kill -9 "$p" 2>/dev/null || true
	fi
	rm -f "$pid"
}

start() {
	# The release's own folder, not `current`: a running server never changes its files under its feet.
	release=$(readlink -f current)
	HOME=$PWD/data setsid "$release/caddy" run --config "$release/Caddyfile" >run/caddy.log 2>&1 </dev/null &
	echo $! >"$pid"
}

case ${1:-} in
restart) stop; [ ! -e current ] || start ;;
stop) stop ;;
*) echo "usage: service.sh restart|stop" >&2; exit 2 ;;
esac
