package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/argoproj/argo-cd/v3/util/lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// healthOf runs the script of the object's kind in Argo CD's own Lua, with the libraries that it has there: none.
func healthOf(from io.Reader, folder string, to io.Writer) error {
	object := &unstructured.Unstructured{}
	if err := yaml.NewYAMLOrJSONDecoder(from, 4096).Decode(object); err != nil {
		return fmt.Errorf("not an object: %w", err)
	}
	kind := object.GroupVersionKind()
	script, err := os.ReadFile(filepath.Join(folder, kind.Group+"_"+kind.Kind+".lua"))
	if err != nil {
		return err
	}
	found, err := lua.VM{}.ExecuteHealthLua(object, string(script))
	if err != nil {
		return fmt.Errorf("%s: %w", kind.Kind, err)
	}
	return json.NewEncoder(to).Encode(found)
}
