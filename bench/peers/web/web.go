// web.go - Go's net/http: "Hello, World!" and an API with one path parameter and a validated body.
//
//	web PORT [CERTIFICATE_AND_KEY]     with a certificate: HTTP/2 over TLS
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"
)

type note struct {
	Title string   `json:"title"`
	Text  string   `json:"text"`
	Stars int      `json:"stars"`
	Done  bool     `json:"done"`
	Tags  []string `json:"tags"`
}

type answer struct {
	ID int `json:"id"`
	note
}

func hello(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Content-Length", "13")
	w.Write([]byte("Hello, World!"))
}

func isValid(n *note) bool {
	title := utf8.RuneCountInString(n.Title)
	return title >= 1 && title <= 100 && utf8.RuneCountInString(n.Text) <= 1000 &&
		n.Stars >= 0 && n.Stars <= 5 && len(n.Tags) <= 10
}

func put(w http.ResponseWriter, r *http.Request) {
	var n note

	id, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/notes/"))
	if err != nil || r.Method != "PUT" {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	if err = decoder.Decode(&n); err != nil || !isValid(&n) {
		http.Error(w, "not valid", http.StatusUnprocessableEntity)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer{id, n})
}

func main() {
	http.HandleFunc("/", hello)
	http.HandleFunc("/notes/", put)
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err == nil {
		fmt.Println("ready")
		if len(os.Args) > 2 {
			err = http.ServeTLS(listener, nil, os.Args[2], os.Args[2])
		} else {
			err = http.Serve(listener, nil)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
