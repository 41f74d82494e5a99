#!/bin/bash
# The first peer begins the cluster, the others join it through the first; each says by which name the others reach it.
peer="http://${HOSTNAME}.{{ .Release.Name }}-peers:6335"
first="http://{{ .Release.Name }}-0.{{ .Release.Name }}-peers:6335"
if [ "$peer" = "$first" ]; then
  exec ./entrypoint.sh --uri "$peer"
fi
exec ./entrypoint.sh --bootstrap "$first" --uri "$peer"
