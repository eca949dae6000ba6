// SPDX-License-Identifier: LGPL-2.1-or-later

// A client that is not ours: Debian's varlink library for Go (golang-github-varlink-go-dev) calls a running reaperd.
//
//	client unix:/run/reaperd/io.reaperd
//
// prints what the service says of itself and one line an action; anything that is not as the interface promises is an error.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/varlink/go/varlink"
)

type status struct {
	Version string
	Source  string
	Mode    string
	Roots   []struct {
		Path   string
		Health string
	}
	Started time.Time
}

type action struct {
	Root       string
	Name       string
	Generation int
	State      string
	Mounts     int
}

func fail(what string, err error) {
	fmt.Fprintf(os.Stderr, "client: %s: %v\n", what, err)
	os.Exit(1)
}

func describe(ctx context.Context, connection *varlink.Connection) {
	var vendor, product, version, url string
	var interfaces []string

	if err := connection.GetInfo(ctx, &vendor, &product, &version, &url, &interfaces); err != nil {
		fail("GetInfo", err)
	}
	fmt.Printf("%s %s, interfaces %s\n", product, version, strings.Join(interfaces, " "))
	for _, name := range interfaces {
		text, err := connection.GetInterfaceDescription(ctx, name)
		if err != nil {
			fail("GetInterfaceDescription", err)
		}
		if !strings.Contains(text, "interface "+name+"\n") {
			fail("GetInterfaceDescription", fmt.Errorf("no description of %s: %q", name, text))
		}
	}
}

func showStatus(ctx context.Context, connection *varlink.Connection) {
	var reply struct{ Status status }

	if err := connection.Call(ctx, "io.reaperd.GetStatus", nil, &reply); err != nil {
		fail("GetStatus", err)
	}
	if reply.Status.Version == "" || reply.Status.Started.IsZero() {
		fail("GetStatus", fmt.Errorf("incomplete: %+v", reply.Status))
	}
	for _, root := range reply.Status.Roots {
		fmt.Printf("root %s %s\n", root.Path, root.Health)
	}
}

// Lists come in several replies; each but the last says that more follow.
func showActions(ctx context.Context, connection *varlink.Connection) {
	receive, err := connection.Send(ctx, "io.reaperd.ListActions", map[string]bool{"all": true}, varlink.More)
	if err != nil {
		fail("ListActions", err)
	}
	for {
		var reply struct{ Actions []action }

		flags, err := receive(ctx, &reply)
		if err != nil {
			fail("ListActions", err)
		}
		for _, a := range reply.Actions {
			fmt.Printf("action %s@%d %s %d below %s\n", a.Name, a.Generation, a.State, a.Mounts, a.Root)
		}
		if flags&varlink.Continues == 0 {
			return
		}
	}
}

func refuseNonsense(ctx context.Context, connection *varlink.Connection) {
	err := connection.Call(ctx, "io.reaperd.NoSuchMethod", nil, nil)
	if _, ok := err.(*varlink.MethodNotFound); !ok {
		fail("NoSuchMethod", fmt.Errorf("wanted MethodNotFound, got %v", err))
	}
	err = connection.Call(ctx, "io.reaperd.Explain", map[string]string{}, nil)
	if invalid, ok := err.(*varlink.InvalidParameter); !ok || invalid.Parameter != "what" {
		fail("Explain", fmt.Errorf("wanted InvalidParameter of what, got %v", err))
	}
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: client unix:SOCKET")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	connection, err := varlink.NewConnection(ctx, os.Args[1])
	if err != nil {
		fail(os.Args[1], err)
	}
	describe(ctx, connection)
	showStatus(ctx, connection)
	showActions(ctx, connection)
	refuseNonsense(ctx, connection)
	connection.Close()
}
