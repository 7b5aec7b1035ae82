addEventListener("load",()=>location.replace(document.getElementById("next").href));setTimeout(()=>location.replace(document.getElementById("next").href),5000)
