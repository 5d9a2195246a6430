package tinker

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// packageDoc is this package's documentation, as go doc has it.
func packageDoc(t *testing.T) *doc.Package {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	p, err := doc.NewFromFiles(set, files, "tinsmith.example/tinker")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What is exported has a comment that begins with its name, as go doc shows it;
// fields and constants have one above them or behind them.
func TestEveryExportedNameIsDocumented(t *testing.T) {
	p := packageDoc(t)
	documented := 0
	says := func(name, comment string) {
		documented++
		words := strings.Fields(comment)
		for len(words) > 0 && (words[0] == "A" || words[0] == "An") {
			words = words[1:]
		}
		short := name[strings.LastIndex(name, ".")+1:]
		if len(words) == 0 || words[0] != short {
			t.Errorf("the comment of %s is %q", name, comment)
		}
	}
	function := func(prefix string, list []*doc.Func) {
		for _, f := range list {
			switch f.Name {
			case "Error", "Unwrap", "Is", "String": // of the interfaces that everybody knows
			default:
				says(prefix+f.Name, f.Doc)
			}
		}
	}
	values := func(list []*doc.Value) {
		for _, v := range list {
			for _, spec := range v.Decl.Specs {
				if s, ok := spec.(*ast.ValueSpec); ok && s.Names[0].IsExported() {
					documented++
					if v.Doc == "" && s.Doc.Text() == "" && s.Comment.Text() == "" {
						t.Errorf("%s has no comment", s.Names[0])
					}
				}
			}
		}
	}
	function("", p.Funcs)
	values(append(p.Consts, p.Vars...))
	for _, typ := range p.Types {
		says(typ.Name, typ.Doc)
		function("", typ.Funcs)
		function(typ.Name+".", typ.Methods)
		values(append(typ.Consts, typ.Vars...))
		ast.Inspect(typ.Decl.Specs[0].(*ast.TypeSpec).Type, func(n ast.Node) bool {
			field, ok := n.(*ast.Field)
			if _, function := n.(*ast.FuncType); function {
				return false // its parameters are the comment's
			}
			if ok && len(field.Names) > 0 && field.Names[0].IsExported() {
				documented++
				if field.Doc.Text() == "" && field.Comment.Text() == "" {
					t.Errorf("%s.%s has no comment", typ.Name, field.Names[0])
				}
			}
			return true
		})
	}
	if documented < 100 {
		t.Errorf("found only %d names", documented)
	}
}

// exportedNames are what the package exports: types, functions, constants,
// variables, and fields and methods with their type's name and a dot before them.
func exportedNames(t *testing.T) map[string]bool {
	t.Helper()
	p := packageDoc(t)
	names := map[string]bool{}
	values := func(list []*doc.Value) {
		for _, v := range list {
			for _, name := range v.Names {
				names[name] = true
			}
		}
	}
	functions := func(prefix string, list []*doc.Func) {
		for _, f := range list {
			names[prefix+f.Name] = true
		}
	}
	functions("", p.Funcs)
	values(append(p.Consts, p.Vars...))
	for _, typ := range p.Types {
		names[typ.Name] = true
		functions("", typ.Funcs)
		functions(typ.Name+".", typ.Methods)
		values(append(typ.Consts, typ.Vars...))
		if s, ok := typ.Decl.Specs[0].(*ast.TypeSpec).Type.(*ast.StructType); ok {
			for _, field := range s.Fields.List {
				for _, name := range field.Names {
					names[typ.Name+"."+name.Name] = true
				}
			}
		}
	}
	return names
}
