// Two programs in one for the gateway benchmark: `stub` is a model server that costs next to nothing, `load` asks one.
// Standard library only.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
)

func main() {
	debug.SetGCPercent(400) // rare collections: they would be measured as the target's
	raiseOpenFiles()
	commands := map[string]func([]string) error{"stub": stub, "requests": requests, "streams": streams}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: load stub|requests|streams [options]")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func raiseOpenFiles() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		limit.Cur = limit.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) // too low a limit shows as failed streams
	}
}

func show(result any) error {
	return json.NewEncoder(os.Stdout).Encode(result)
}
